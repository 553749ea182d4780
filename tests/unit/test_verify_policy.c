#include "config.h"

#include "dsl/manifest.h"
#include "engine/stack/findings.h"
#include "engine/verify/checks.h"
#include "tests/unit/oci_world.h"

static void test_user(void **state)
{
	static const struct {
		const char *wanted, *user;
		bool good;
	} table[] = {
		{ "nonroot", "", false },
		{ "nonroot", "0", false },
		{ "nonroot", "00", false },
		{ "nonroot", "root", false },
		{ "nonroot", "0:0", false },
		{ "nonroot", ":1000", false },
		{ "nonroot", "root:1000", false },
		{ "nonroot", "1000", true },
		{ "nonroot", "1000:0", true },
		{ "nonroot", "app", true },
		{ "nonroot", "rooted", true },
		{ "nonroot", "01", true },
		{ "1000", "1000", true },
		{ "1000", "1000:1000", true },
		{ "1000", "1000:0", true },
		{ "1000", "10000", false },
		{ "1000", "100", false },
		{ "1000", "", false },
		{ "1000", "app", false },
		{ "1000:1000", "1000:1000", true },
		{ "1000:1000", "1000", false },
		{ "1000:1000", "1000:0", false },
		{ "app", "app", true },
		{ "app", "app:app", true },
		{ "app", "apple", false },
		{ "root", "root", true },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
		if (policy_user(table[i].wanted, table[i].user) != table[i].good)
			fail_msg("%s: %s", table[i].wanted, table[i].user);
	}
}

/* The image that all of these look at. */
static const struct image image = {
	.size = 5000000,
	.user = (char *)"1000:1000",
	.entrypoint = (char *[]){ (char *)"/app/x.py", (char *)"--fast", NULL },
	.ports = (char *[]){ (char *)"53/udp", (char *)"8000/tcp", NULL },
	.labels = (char *[]){ (char *)"a", (char *)"1", (char *)"b", (char *)"", NULL },
};

/* `spec` asks something of the image: what the checks say of it. */
static void assert_findings(const struct verify_spec *spec, const char *passed, const char *failed)
{
	cleanup_buf struct buf report = { 0 };
	cleanup_error struct error *error = NULL;
	struct findings findings = FINDINGS(&report);
	int r;

	policy_image(spec, &image, "linux/arm64: ", &findings);
	r = findings_result(&findings, &error);
	assert_string_equal(report.data ? report.data : "", passed);
	assert_int_equal(r, failed ? -1 : 0);
	if (!failed)
		return;
	assert_string_equal(error->message, failed);
	assert_int_equal(error->cls, ERROR_BUILD);
}

static void test_nothing(void **state)
{
	const struct verify_spec spec = { 0 };

	(void)state;
	assert_findings(&spec, "", NULL);
}

static void test_users(void **state)
{
	const struct verify_spec good = { .user.s = "1000" }, bad = { .user.s = "2000" };

	(void)state;
	assert_findings(&good, "linux/arm64: user 1000:1000\n", NULL);
	assert_findings(&bad, "", "linux/arm64: user: the image runs as '1000:1000', expected 2000");
}

static void test_size(void **state)
{
	const struct verify_spec exact = { .max_size = 5000000 }, less = { .max_size = 4999999 };

	(void)state;
	assert_findings(&exact, "linux/arm64: size 5.0 MB of 5.0 MB\n", NULL);
	assert_findings(
		&less, "",
		"linux/arm64: max_size: the image has 5.0 MB (5000000 bytes compressed), and at most 5.0 MB is allowed");
}

static void test_entrypoint(void **state)
{
	struct text both[] = { { .s = "/app/x.py" }, { .s = "--fast" }, { .s = "--more" } };
	const struct verify_spec good = { .entrypoint = { both, 2 } }, less = { .entrypoint = { both, 1 } };
	const struct verify_spec more = { .entrypoint = { both, 3 } };

	(void)state;
	assert_findings(&good, "linux/arm64: entrypoint [/app/x.py, --fast]\n", NULL);
	assert_findings(&less, "", "linux/arm64: entrypoint: the image has [/app/x.py, --fast], expected [/app/x.py]");
	assert_findings(
		&more, "",
		"linux/arm64: entrypoint: the image has [/app/x.py, --fast], expected [/app/x.py, --fast, --more]");
}

/* All that is wrong, not only the first. */
static void test_ports(void **state)
{
	struct text ports[] = { { .s = "8000" }, { .s = "53/udp" }, { .s = "53" }, { .s = "800" }, { .s = "8000/tcp" } };
	const struct verify_spec spec = { .ports = { ports, 5 } };

	(void)state;
	assert_findings(
		&spec,
		"linux/arm64: port 8000 exposed\nlinux/arm64: port 53/udp exposed\nlinux/arm64: port 8000/tcp exposed\n",
		"linux/arm64: ports: the image does not expose 53\nlinux/arm64: ports: the image does not expose 800");
}

static void test_labels(void **state)
{
	struct pair labels[] = {
		{ .key.s = "a", .value.s = "1" },
		{ .key.s = "a", .value.s = "2" },
		{ .key.s = "b", .value.s = "" },
		{ .key.s = "a" },
		{ .key.s = "c" },
	};
	const struct verify_spec spec = { .labels = { labels, 5 } };

	(void)state;
	assert_findings(&spec, "linux/arm64: label a\nlinux/arm64: label b\nlinux/arm64: label a\n",
			"linux/arm64: labels: a is '1', expected '2'\nlinux/arm64: labels: the image has no label c");
}

static void test_platforms(void **state)
{
	struct text wanted[] = { { .s = "linux/amd64" }, { .s = "linux/arm/v7" } };
	const struct service service = { .verify.platforms = { wanted, 2 } };
	const struct verify_member members[] = { { .platform = { "linux", "arm64", "" } },
						 { .platform = { "linux", "amd64", "" } } };
	const struct verify_job job = { .service = &service, .members = members, .members_len = 2 };
	cleanup_buf struct buf report = { 0 };
	cleanup_error struct error *error = NULL;
	struct findings findings = FINDINGS(&report);

	(void)state;
	policy_check(&job, &findings);
	assert_int_equal(findings_result(&findings, &error), -1);
	assert_string_equal(report.data, "platform linux/amd64\n");
	assert_string_equal(error->message, "platforms: there is no image for linux/arm/v7");
}

/* What goes wrong decides the class: a tool that is missing before health before policy; a cancel before all. */
static void test_classes(void **state)
{
	static const int classes[][3] = { { ERROR_BUILD, 0, 0 },
					  { ERROR_BUILD, ERROR_HEALTH, 0 },
					  { ERROR_BUILD, ERROR_HEALTH, ERROR_TOOL },
					  { ERROR_STATE, ERROR_HEALTH, ERROR_TOOL } };
	static const int wanted[] = { ERROR_BUILD, ERROR_HEALTH, ERROR_TOOL, ERROR_STATE };

	(void)state;
	for (size_t i = 0; i < 4; i++) {
		cleanup_error struct error *error = NULL;
		struct findings findings = FINDINGS(NULL);

		for (size_t j = 0; j < 3 && classes[i][j]; j++)
			findings_fail(&findings, classes[i][j], "failure %zu\n", j);
		assert_int_equal(findings_result(&findings, &error), -1);
		assert_int_equal(error->cls, wanted[i]);
		assert_ptr_equal(strstr(error->message, "failure 0"), error->message);
		assert_int_not_equal(error->message[strlen(error->message) - 1], '\n');
	}
}

static void test_errors(void **state)
{
	cleanup_error struct error *error = NULL;
	struct error *tool = NULL, *cancelled = NULL;
	struct findings findings = FINDINGS(NULL);

	(void)state;
	error_make(&tool, ERROR_TOOL, "podman is ill");
	error_remedy(&tool, "call a doctor");
	findings_error(&findings, "depends_on db", &tool);
	assert_int_equal(findings_result(&findings, &error), -1);
	assert_string_equal(error->message, "depends_on db: podman is ill");
	assert_string_equal(error->remedy, "call a doctor");
	error_free(steal_ptr(error));
	findings = (struct findings){ 0 };
	findings_fail(&findings, ERROR_BUILD, "x");
	error_make(&cancelled, ERROR_CANCELLED, "interrupted");
	findings_error(&findings, NULL, &cancelled);
	assert_int_equal(findings_result(&findings, &error), -1);
	assert_int_equal(error->cls, ERROR_CANCELLED);
}

static void test_quote(void **state)
{
	cleanup_buf struct buf out = { 0 };

	(void)state;
	findings_quote(&out, "one\n\ntwo\033[1m", 12, 100);
	assert_string_equal(out.data, "    one\n    \n    two\\x1b[1m\n");
	buf_reset(&out);
	findings_quote(&out, "0123456789", 10, 4);
	assert_string_equal(out.data, "    0123\n    ...\n");
	buf_reset(&out);
	findings_quote(&out, "line\n", 5, 100);
	assert_string_equal(out.data, "    line\n");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_user),       TEST(test_nothing), TEST(test_users),  TEST(test_size),
		TEST(test_entrypoint), TEST(test_ports),   TEST(test_labels), TEST(test_platforms),
		TEST(test_classes),    TEST(test_errors),  TEST(test_quote),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
