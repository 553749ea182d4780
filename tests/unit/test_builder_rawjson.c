#include "config.h"

#include "base/buf.h"
#include "engine/builder/bake.h"
#include "engine/builder/rawjson.h"
#include "tests/unit/builder_world.h"

/* What came, a line an event. */
static void note(void *data, const struct raw_event *event)
{
	static const char *const names[] = { "start", "cached", "line", "bytes", "error", "warning", "text" };
	struct buf *out = data;

	buf_printf(out, "%s", names[event->kind]);
	if (event->name)
		buf_printf(out, " (%s)", event->name);
	if (event->text)
		buf_printf(out, " <%.*s>", (int)event->len, event->text);
	if (event->kind == RAW_BYTES)
		buf_printf(out, " %s %llu/%llu", event->what, (unsigned long long)event->bytes,
			   (unsigned long long)event->total);
	buf_char(out, '\n');
}

static char *told(const char *const *lines)
{
	struct buf out = { 0 };
	struct rawjson *raw = rawjson_new(note, &out);

	buf_str(&out, "");
	for (; *lines; lines++)
		rawjson_add(raw, *lines, strlen(*lines));
	rawjson_free(raw);
	return buf_steal(&out);
}

#define EQUAL(lines, wanted)                            \
	do {                                            \
		cleanup_free char *text_ = told(lines); \
		assert_string_equal(text_, wanted);     \
	} while (0)

/* As buildx 0.29.1 printed it for a target with a COPY and a failing RUN beside another one. */
static void test_recorded(void **state)
{
	static const char *const lines[] = {
		"{\"vertexes\":[{\"digest\":\"sha256:a1\",\"name\":\"[n1 1/2] COPY rootfs "
		"/\"},{\"digest\":\"sha256:a1\","
		"\"name\":\"[n1 1/2] COPY rootfs /\",\"started\":\"2026-11-22T02:58:44.0Z\"}]}",
		"{\"statuses\":[{\"id\":\"transferring context:\",\"vertex\":\"sha256:a1\",\"name\":\"transferring\","
		"\"total\":0,\"current\":0,\"timestamp\":\"0001-01-01T00:00:00Z\"}]}",
		"{\"statuses\":[{\"id\":\"transferring context:\",\"vertex\":\"sha256:a1\",\"name\":\"transferring\","
		"\"total\":90,\"current\":29}]}",
		"{\"vertexes\":[{\"digest\":\"sha256:a1\",\"name\":\"[n1 1/2] COPY rootfs "
		"/\",\"started\":\"2026-11-22T02:58:44.0Z\",\"completed\":\"2026-11-22T02:58:44.1Z\"},"
		"{\"digest\":\"sha256:b2\",\"inputs\":[\"sha256:a1\"],\"name\":\"[n1 2/2] RUN exit "
		"7\",\"started\":\"2026-11-22T02:58:44.2Z\"}]}",
		"{}",
		"{\"vertexes\":[{\"digest\":\"sha256:c3\",\"name\":\"[n0 1/2] COPY x /\",\"cached\":true,"
		"\"started\":\"2026-11-22T02:58:44.2Z\"}]}",
		"{\"logs\":[{\"vertex\":\"sha256:b2\",\"stream\":1,\"data\":\"aGVsbG8gYgo=\"},"
		"{\"vertex\":\"sha256:b2\",\"stream\":2,\"data\":\"ZXJy\"}]}",
		"{\"warnings\":[{\"vertex\":\"sha256:a1\",\"level\":1,\"short\":\"RnJvbQ==\",\"url\":\"https://x/"
		"y\"}]}",
		"{\"vertexes\":[{\"digest\":\"sha256:b2\",\"name\":\"[n1 2/2] RUN exit 7\",\"started\":\"2026\","
		"\"completed\":\"2026\",\"error\":\"exit code: 7\"}]}",
		"Dockerfile:3",
		"ERROR: target n1: failed to solve: exit code: 7",
		NULL,
	};

	(void)state;
	EQUAL(lines, "start ([n1 1/2] COPY rootfs /)\n"
		     "bytes ([n1 1/2] COPY rootfs /) transferring context: 29/90\n"
		     "start ([n1 2/2] RUN exit 7)\n"
		     "cached ([n0 1/2] COPY x /)\n"
		     "line ([n1 2/2] RUN exit 7) <hello b>\n"
		     "warning ([n1 1/2] COPY rootfs /) <From (https://x/y)>\n"
		     "line ([n1 2/2] RUN exit 7) <err>\n"
		     "error ([n1 2/2] RUN exit 7) <exit code: 7>\n"
		     "text <Dockerfile:3>\n"
		     "text <ERROR: target n1: failed to solve: exit code: 7>\n");
}

/* An older buildx spreads an object over lines; a long line comes in pieces. */
static void test_pieces(void **state)
{
	static const char *const lines[] = {
		"{",
		"  \"vertexes\": [ {",
		"    \"digest\": \"sha256:a\", \"name\": \"a } \\\" {",
		" b\", \"started\": \"2026\" } ]",
		"}",
		"text",
		NULL,
	};

	(void)state;
	EQUAL(lines, "start (a } \" { b)\ntext <text>\n");
}

static void test_nonsense(void **state)
{
	static const char *const lines[] = {
		"{\"vertexes\":[{\"name\":\"without a "
		"digest\"},7,{\"digest\":\"sha256:a\"}],\"logs\":[{\"vertex\":\"x\","
		"\"data\":\"!!!\"}],\"statuses\":{}}",
		"{\"vertexes\":}",
		"",
		"{not json}",
		NULL,
	};

	(void)state;
	EQUAL(lines, "text <{\"vertexes\":}>\ntext <>\ntext <{not json}>\n");
}

static void test_stopped(void **state)
{
	static const char canceled[] = "process \"x\" did not complete successfully: exit code: 137: context canceled";

	(void)state;
	assert_true(rawjson_was_stopped(canceled, strlen(canceled)));
	assert_false(rawjson_was_stopped("exit code: 137", 14));
	assert_false(rawjson_was_stopped(canceled, strlen(canceled) - 3)); /* not read beyond its end */
}

static void test_names(void **state)
{
	static const struct {
		const char *text, *name;
		long target;
	} cases[] = {
		{ "[n3 build 2/5] RUN make", "[build 2/5] RUN make", 3 },
		{ "[n12 internal] load .dockerignore", "[internal] load .dockerignore", 12 },
		{ "[n0] exporting to oci image format", "exporting to oci image format", 0 },
		{ "target n1: failed to solve: x", "failed to solve: x", 1 },
		{ "[internal] load bake definitions", "[internal] load bake definitions", -1 },
		{ "[nightly 1/2] RUN x", "[nightly 1/2] RUN x", -1 },
		{ "[n1x 1/2] RUN x", "[n1x 1/2] RUN x", -1 },
		{ "targets", "targets", -1 },
		{ "[n", "[n", -1 },
		{ "", "", -1 },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		long target = 99;
		cleanup_free char *name = bake_name(cases[i].text, strlen(cases[i].text), &target);

		assert_string_equal(name, cases[i].name);
		assert_int_equal(target, cases[i].target);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_recorded), TEST(test_pieces), TEST(test_nonsense), TEST(test_stopped), TEST(test_names),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
