#include "config.h"

#include "tests/unit/dsl_world.h"

/* What no manifest may cost: generous, for machines that are busy and sanitizers. */
#define SLOW_MS 3000.0

static void refuse(const struct buf *text, const char *part)
{
	struct loaded_text t;

	test_load(&t, text->data, text->len, NULL);
	assert_null(t.manifest);
	if (!strstr(t.complaints.data, part) && !(t.error && strstr(t.error->message, part)))
		fail_msg("no \"%s\" in:\n%.2000s%s", part, t.complaints.data, t.error ? t.error->message : "");
	if (t.ms > SLOW_MS)
		fail_msg("took %.0f ms", t.ms);
	test_unload(&t);
}

static void repeat(struct buf *text, const char *s, size_t count)
{
	while (count--)
		buf_str(text, s);
}

static void test_nesting(void **state)
{
	static const char *const openers[] = { "[", "{", "{a: ", "[ ", "- ", "? ", "[\n", "{a: [", "[[a], " };

	(void)state;
	for (size_t i = 0; i < sizeof(openers) / sizeof(openers[0]); i++) {
		struct buf text cleanup_buf = { 0 };

		buf_str(&text, "x-deep:\n  ");
		repeat(&text, openers[i], 100000 / strlen(openers[i]));
		refuse(&text, "values are nested more than 64 levels deep");
	}
}

static void nested_map(struct buf *text, int levels)
{
	buf_reset(text);
	buf_str(text, "services: {web: {build: .}}\nx-deep: ");
	repeat(text, "[", (size_t)levels);
	repeat(text, "]", (size_t)levels);
	buf_char(text, '\n');
}

static void test_depth_is_exact(void **state)
{
	struct buf text cleanup_buf = { 0 };
	struct loaded_text t;

	(void)state;
	nested_map(&text, 63);
	test_load_good(&t, text.data, NULL);
	test_unload(&t);
	nested_map(&text, 64);
	refuse(&text, "nested more than 64 levels deep");
}

static void test_depth_through_aliases(void **state)
{
	struct buf text cleanup_buf = { 0 };

	(void)state;
	buf_str(&text, "x-0: &a0 [x]\n");
	for (int i = 1; i < 100; i++)
		buf_printf(&text, "x-%d: &a%d [*a%d]\n", i, i, i - 1);
	refuse(&text, "nested more than 64 levels deep");
}

static void test_alias_bomb(void **state)
{
	struct buf text cleanup_buf = { 0 };

	(void)state;
	buf_str(&text, "x-0: &a0 [lol, lol, lol, lol, lol, lol, lol, lol, lol]\n");
	for (int i = 1; i < 10; i++) {
		buf_printf(&text, "x-%d: &a%d [", i, i);
		for (int j = 0; j < 9; j++)
			buf_printf(&text, "*a%d, ", i - 1);
		buf_str(&text, "]\n");
	}
	refuse(&text, "more than 100000 values");
}

static void test_merge_bomb(void **state)
{
	struct buf text cleanup_buf = { 0 };

	(void)state;
	buf_str(&text, "x-0: &a0 {k: v}\n");
	for (int i = 1; i < 40; i++)
		buf_printf(&text, "x-%d: &a%d {<<: [*a%d, *a%d], b%d: *a%d, c%d: *a%d}\n", i, i, i - 1, i - 1, i, i - 1,
			   i, i - 1);
	refuse(&text, "more than 100000 values");
}

static void test_too_many(void **state)
{
	struct buf text cleanup_buf = { 0 };

	(void)state;
	buf_str(&text, "x-many: [");
	repeat(&text, "a, ", 100001);
	buf_str(&text, "]\n");
	refuse(&text, "more than 100000 values");
}

static void test_too_long(void **state)
{
	struct buf text cleanup_buf = { 0 };

	(void)state;
	buf_str(&text, "# ");
	repeat(&text, "0123456789abcdef", 10 * 1024 * 1024 / 16);
	buf_str(&text, "\nservices: {web: {build: .}}\n");
	refuse(&text, "services.yaml");
}

/* Templates multiply what aliases may not. */
static void test_template_bomb(void **state)
{
	struct buf text cleanup_buf = { 0 };

	(void)state;
	buf_str(&text, "templates:\n  big:\n    build: .\n    verify:\n      run:\n");
	repeat(&text, "        - [a]\n", 20000);
	buf_str(&text, "services:\n");
	for (int i = 0; i < 5000; i++)
		buf_printf(&text, "  s%d: {extends: big}\n", i);
	refuse(&text, "more than 1000000 values together");
}

static void test_template_chain(void **state)
{
	struct buf text cleanup_buf = { 0 };

	(void)state;
	buf_str(&text, "templates:\n");
	for (int i = 0; i < 1000; i++)
		buf_printf(&text, "  t%d: {extends: t%d}\n", i, i + 1);
	buf_str(&text, "  t1000: {publish: false}\nservices: {web: {extends: t0, build: .}}\n");
	refuse(&text, "extend each other more than 64 levels deep");
}

static void test_long_chain_of_needs(void **state)
{
	struct buf text cleanup_buf = { 0 };
	struct loaded_text t;

	(void)state;
	buf_str(&text, "services:\n");
	for (int i = 0; i < 10000; i++)
		buf_printf(&text, "  s%d: {build: x, needs: [s%d]}\n", i, i + 1);
	buf_str(&text, "  s10000: {build: x}\ngroups:\n");
	for (int i = 0; i < 10000; i++)
		buf_printf(&text, "  g%d: [g%d]\n", i, i + 1);
	buf_str(&text, "  g10000: [s5]\n");
	test_load_good(&t, text.data, NULL);
	assert_int_equal(t.manifest->services_len, 10001);
	assert_int_equal(manifest_service(t.manifest, "s9999"), 9999);
	assert_int_equal(manifest_group(t.manifest, "g0")->services_len, 1);
	assert_true(t.ms < SLOW_MS);
	test_unload(&t);
}

static void test_group_bomb(void **state)
{
	struct buf text cleanup_buf = { 0 };

	(void)state;
	buf_str(&text, "services:\n");
	for (int i = 0; i < 5000; i++)
		buf_printf(&text, "  s%d: {build: x}\n", i);
	buf_str(&text, "groups:\n  g0: [");
	for (int i = 0; i < 5000; i++)
		buf_printf(&text, "s%d, ", i);
	buf_str(&text, "]\n");
	for (int i = 1; i < 5000; i++)
		buf_printf(&text, "  g%d: [g%d]\n", i, i - 1);
	refuse(&text, "more than 1000000 members");
}

static void test_many_complaints(void **state)
{
	struct buf text cleanup_buf = { 0 };

	(void)state;
	buf_str(&text, "services:\n");
	for (int i = 0; i < 5000; i++)
		buf_printf(&text, "  s%d: {build: x, needs: [r%d], prots: [a]}\n", i, i);
	refuse(&text, "and 9000 more\n");
}

/* libyaml compares each with all before it: 50,000 took 17 s. */
static void test_directives(void **state)
{
	struct buf text cleanup_buf = { 0 };

	(void)state;
	for (int i = 0; i < 50000; i++)
		buf_printf(&text, "%%TAG !a%d! b\n", i);
	buf_str(&text, "---\nservices: {web: {build: .}}\n");
	refuse(&text, "more than 64 directives");
}

static void test_many_unset_in_one_value(void **state)
{
	struct buf text cleanup_buf = { 0 };

	(void)state;
	buf_str(&text, "services: {web: {build: ., user: \"");
	for (int i = 0; i < 100000; i++)
		buf_printf(&text, "$B%d ", i);
	buf_str(&text, "\"}}\n");
	refuse(&text, "the variable \"B19\" is not set");
}

static void test_ports(void **state)
{
	struct buf text cleanup_buf = { 0 };

	(void)state;
	buf_str(&text, "services: {web: {build: ., ports: [1-65535]}}\n");
	refuse(&text, "at most 256 ports");
}

static void test_missing_file(void **state)
{
	static const char *const nothing[] = { NULL };
	const struct load_options options = { .path = "/nonexistent/services.yaml", .environ = nothing };
	struct diags *diags = diags_new();
	struct manifest *manifest = NULL;
	struct error *error = NULL;

	(void)state;
	assert_true(manifest_load(&options, diags, &manifest, &error) < 0);
	assert_int_equal(error->cls, ERROR_USAGE);
	assert_non_null(strstr(error->message, "/nonexistent/services.yaml"));
	assert_int_equal(diags_count(diags), 0);
	error_free(error);
	diags_free(diags);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_nesting),
		cmocka_unit_test(test_depth_is_exact),
		cmocka_unit_test(test_depth_through_aliases),
		cmocka_unit_test(test_alias_bomb),
		cmocka_unit_test(test_merge_bomb),
		cmocka_unit_test(test_too_many),
		cmocka_unit_test(test_too_long),
		cmocka_unit_test(test_template_bomb),
		cmocka_unit_test(test_template_chain),
		cmocka_unit_test(test_long_chain_of_needs),
		cmocka_unit_test(test_group_bomb),
		cmocka_unit_test(test_many_complaints),
		cmocka_unit_test(test_directives),
		cmocka_unit_test(test_many_unset_in_one_value),
		cmocka_unit_test(test_ports),
		cmocka_unit_test(test_missing_file),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
