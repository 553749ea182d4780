#include "config.h"

#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/buf.h"
#include "base/error.h"
#include "engine/oci/image.h"

/* A config as buildah writes it in docker's format. */
#define CONFIG(container, hostname, parent, comment, more)                                                             \
	"{\"created\":\"2024-01-01T00:00:00Z\",\"container\":\"" container "\",\"container_config\":{\"Hostname\":"    \
	"\"" hostname "\"},\"config\":{"                                                                               \
	"\"Hostname\":\"" hostname "\",\"Domainname\":\"\",\"User\":\"1000\",\"Tty\":false,\"Cmd\":[],"                \
	"\"Volumes\":null,\"Env\":[\"A=b\"]" more "},\"architecture\":\"amd64\",\"os\":\"linux\",\"parent\":\"" parent \
	"\",\"rootfs\":{\"type\":\"layers\",\"diff_ids\":[\"sha256:1\"]},\"history\":[{\"created_by\":\"RUN "          \
	"x\",\"comment\":\"" comment "\",\"empty_layer\":true}]}"

static void canonical(const char *text, struct buf *ret)
{
	struct error *error = NULL;

	buf_reset(ret);
	if (image_canonical_config(text, strlen(text), "config", ret, &error) < 0)
		fail_msg("%s", error->message);
}

static void what_differs_from_run_to_run_is_left_out(void **state)
{
	cleanup_buf struct buf one = { 0 }, other = { 0 };

	(void)state;
	canonical(CONFIG("c1", "h1", "p1", "FROM 111", ""), &one);
	canonical(CONFIG("c2", "h2", "p2", "FROM 222", ""), &other);
	assert_string_equal(one.data, other.data);
	assert_string_equal(one.data, "{\"architecture\":\"amd64\",\"config\":{\"Env\":[\"A=b\"],\"User\":\"1000\"},"
				      "\"created\":\"2024-01-01T00:00:00Z\",\"history\":[{\"created_by\":\"RUN "
				      "x\",\"empty_layer\":true}],"
				      "\"os\":\"linux\",\"rootfs\":{\"diff_ids\":[\"sha256:1\"],\"type\":\"layers\"}}");
}

static void what_runs_the_image_is_kept(void **state)
{
	static const char more[] = ",\"Healthcheck\":{\"Test\":[\"CMD\",\"/x\"]},\"OnBuild\":[\"RUN "
				   "y\"],\"Shell\":[\"/sh\"],"
				   "\"StopSignal\":\"SIGINT\",\"ExposedPorts\":{\"80/tcp\":{}},\"Labels\":{\"a\":\"\"},"
				   "\"Entrypoint\":[\"/e\"],\"WorkingDir\":\"/w\"";
	static const char *const kept[] = { "\"Healthcheck\":{\"Test\":[\"CMD\",\"/x\"]}",
					    "\"OnBuild\":[\"RUN y\"]",
					    "\"Shell\":[\"/sh\"]",
					    "\"StopSignal\":\"SIGINT\"",
					    "\"ExposedPorts\":{\"80/tcp\":{}}",
					    "\"Labels\":{\"a\":\"\"}",
					    "\"Entrypoint\":[\"/e\"]",
					    "\"WorkingDir\":\"/w\"" };
	cleanup_buf struct buf text = { 0 }, out = { 0 };

	(void)state;
	buf_printf(&text, "{\"config\":{%s},\"rootfs\":{\"type\":\"layers\",\"diff_ids\":[]}}", more + 1);
	canonical(text.data, &out);
	for (size_t i = 0; i < sizeof(kept) / sizeof(kept[0]); i++) {
		if (!strstr(out.data, kept[i]))
			fail_msg("%s is not in %s", kept[i], out.data);
	}
}

static void a_copied_digest_is_left_out(void **state)
{
	static const char text[] = "{\"rootfs\":{},\"history\":[{\"created_by\":\"/bin/sh -c #(nop) COPY "
				   "file:96b7fc6f17c20e40856f912e76d70c1c3ac5f666fe69700148d1351c4380a34d in /a \"},"
				   "{\"created_by\":\"RUN fetch dir:96b7 file:\"}]}";
	cleanup_buf struct buf out = { 0 };

	(void)state;
	canonical(text, &out);
	assert_non_null(strstr(
		out.data,
		"{\"created_by\":\"/bin/sh -c #(nop) COPY file in /a \"},{\"created_by\":\"RUN fetch dir:96b7 file:\"}"));
}

/* What cbuild puts into a step for buildah's cache is no part of the image. */
static void the_key_in_a_step_is_left_out(void **state)
{
	static const char text[] =
		"{\"rootfs\":{},\"history\":[{\"created_by\":\"/bin/sh -c --mount=target=/m" IMAGE_STEP_KEY
		"0123456789abcdef0123456789abcdef make\"},{\"created_by\":\"RUN " IMAGE_STEP_KEY "0123 x\"}]}";
	cleanup_buf struct buf out = { 0 };

	(void)state;
	canonical(text, &out);
	assert_non_null(strstr(
		out.data, "{\"created_by\":\"/bin/sh -c --mount=target=/m make\"},{\"created_by\":\"RUN " IMAGE_STEP_KEY
			  "0123 x\"}"));
}

static void a_comment_of_the_user_is_kept(void **state)
{
	cleanup_buf struct buf out = { 0 };

	(void)state;
	canonical(CONFIG("c", "h", "p", "buildkit.dockerfile.v0", ""), &out);
	assert_non_null(strstr(out.data, "\"comment\":\"buildkit.dockerfile.v0\""));
}

static void what_is_no_config_is_refused(void **state)
{
	static const char *const texts[] = { "", "[]", "{}", "{\"rootfs\":[]}", "{\"rootfs\":" };
	cleanup_buf struct buf out = { 0 };

	(void)state;
	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
		struct error *error = NULL;

		assert_true(image_canonical_config(texts[i], strlen(texts[i]), "config", &out, &error) < 0);
		assert_int_equal(error->cls, ERROR_STATE);
		error_free(error);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_differs_from_run_to_run_is_left_out),
		cmocka_unit_test(what_runs_the_image_is_kept),
		cmocka_unit_test(a_copied_digest_is_left_out),
		cmocka_unit_test(the_key_in_a_step_is_left_out),
		cmocka_unit_test(a_comment_of_the_user_is_kept),
		cmocka_unit_test(what_is_no_config_is_refused),
	};

	return cmocka_run_group_tests_name("oci_config", tests, NULL, NULL);
}
