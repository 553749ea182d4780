#include "config.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/buf.h"
#include "cli/report/columns.h"
#include "cli/report/frame.h"

/* The live display's lines for a state and a size. */

static const struct frame_node three[] = {
	{ .name = "build web linux/amd64",
	  .took_ms = 12345,
	  .step = 3,
	  .steps = 7,
	  .stage = 1,
	  .stages = 2,
	  .step_name = "RUN go build ./...",
	  .last = "go: downloading \x1b[31mgolang.org/x/net" },
	{ .name = "build api linux/arm64", .took_ms = 4100, .step = 2, .steps = 5, .bytes = 12000000, .total = 34100000 },
	{ .name = "load db", .took_ms = 900, .last = "Copying blob" },
};

static struct frame frame_of(unsigned width, unsigned height)
{
	return (struct frame){
		.width = width,
		.height = height,
		.unicode = true,
		.done = 4,
		.left = 4,
		.elapsed_ms = 12500,
		.remaining_ms = 40200,
		.nodes = three,
		.nodes_len = 3,
	};
}

static void check(const struct frame *frame, const char *wanted)
{
	struct columns *columns = columns_new();
	cleanup_buf struct buf out = { 0 };
	size_t rows = frame_draw(frame, columns, &out), newlines = 0;

	for (size_t i = 0; i < out.len; i++)
		newlines += out.data[i] == '\n';
	assert_string_equal(out.data, wanted);
	assert_int_equal(rows, newlines + 1);
	columns_free(columns);
}

static void a_wide_terminal_shows_everything(void **state)
{
	struct frame frame = frame_of(100, 24);

	(void)state;
	check(&frame, "[4/11] 3 running, 4 left  ███████▒▒▒▒▒░░░░░░░░  12.5s, about 40s left\n"
		      "  build web linux/amd64 12.3s  step 3/7, stage 1/2  RUN go build ./...\n"
		      "  | go: downloading \\x1b[31mgolang.org/x/net\n"
		      "  build api linux/arm64  4.1s  step 2/5  12.0 MB of 34.1 MB\n"
		      "  load db                0.9s  Copying blob");
}

static void without_unicode_the_bar_is_ascii(void **state)
{
	struct frame frame = frame_of(80, 24);

	(void)state;
	frame.unicode = false;
	frame.nodes_len = 0;
	frame.failed = 1;
	frame.remaining_ms = UINT64_MAX;
	check(&frame, "[4/8] 0 running, 4 left, 1 failed  [##########..........]  12.5s");
}

static void a_narrow_terminal_keeps_name_and_time(void **state)
{
	struct frame frame = frame_of(30, 24);

	(void)state;
	frame.nodes_len = 2;
	check(&frame, "[4/10] 2 running, 4 left  12…\n"
		      "  build web linux/amd64 12.3s\n"
		      "  | go: downloading \\x1b[31m…\n"
		      "  build api linux/arm64  4.1s");
	frame.width = 16;
	check(&frame, "[4/10] 2 runni…\n"
		      "  build … 12.3s\n"
		      "  | go: downlo…\n"
		      "  build …  4.1s");
}

static void a_low_terminal_counts_the_rest(void **state)
{
	struct frame frame = frame_of(60, 4);

	(void)state;
	check(&frame, "[4/11] 3 running, 4 left  12.5s, about 40s left\n"
		      "  build web linux/amd64 12.3s  step 3/7, stage 1/2  RUN go…\n"
		      "  and 2 more");
	frame.height = 2;
	check(&frame, "[4/11] 3 running, 4 left  12.5s, about 40s left");
	frame.remaining_ms = 600;
	check(&frame, "[4/11] 3 running, 4 left  12.5s, almost done");
}

static void colors_do_not_count(void **state)
{
	struct frame frame = frame_of(24, 24);

	(void)state;
	frame.color = true;
	frame.nodes_len = 0;
	frame.left = 0;
	frame.remaining_ms = UINT64_MAX;
	check(&frame, "\x1b[1m[4/4] 0 running\x1b[0m  12.5s");
}

static void no_line_is_as_wide_as_the_terminal(void **state)
{
	static const struct frame_node nodes[] = {
		{ .name = "build 图像服务图像服务图像服务 linux/amd64",
		  .took_ms = 1000,
		  .steps = 3,
		  .step = 1,
		  .step_name = "RUN echo 👩‍👩‍👧‍👦👍🏽🇩🇪 é́́ ｆｕｌｌ",
		  .last = "日本語\t日本語\xff日本語日本語日本語日本語日本語日本語" },
		{ .name = "build x",
		  .took_ms = 4000000,
		  .last = "☂️☂️☂️☂️☂️☂️☂️☂️☂️☂️☂️☂️☂️☂️☂️☂️☂️☂️☂️☂️☂️☂️" },
	};
	struct columns *columns = columns_new();

	(void)state;
	for (unsigned width = 1; width < 130; width++) {
		for (unsigned height = 1; height < 9; height++) {
			struct frame frame = frame_of(width, height);
			cleanup_buf struct buf out = { 0 };
			size_t rows, start = 0;

			frame.nodes = nodes;
			frame.nodes_len = 2;
			rows = frame_draw(&frame, columns, &out);
			assert_true(rows < (height > 2 ? height : 2));
			while (start <= out.len) {
				const char *end = memchr(out.data + start, '\n', out.len - start);
				size_t len = end ? (size_t)(end - out.data) - start : out.len - start;

				assert_true(columns_count(columns, out.data + start, len) < (width > 1 ? width : 2));
				start += len + 1;
			}
		}
	}
	columns_free(columns);
}

static void columns_are_counted(void **state)
{
	static const struct {
		const char *text;
		size_t columns;
	} cases[] = {
		{ "", 0 },  { "abc", 3 },     { "日本", 4 },   { "é", 1 },  { "e\u0301", 1 },
		{ "👍", 2 }, { "☂\uFE0F", 2 }, { "\u200b", 0 }, { "ｆ", 2 }, { "a\tb", 3 },
	};
	struct columns *columns = columns_new();

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		size_t got = columns_count(columns, cases[i].text, strlen(cases[i].text));

		if (got != cases[i].columns)
			fail_msg("\"%s\" takes %zu columns, not %zu", cases[i].text, got, cases[i].columns);
	}
	columns_free(columns);
}

static void what_combines_is_not_parted(void **state)
{
	static const char text[] = "xe\u0301y";
	struct columns *columns = columns_new();
	cleanup_buf struct buf out = { 0 };

	(void)state;
	assert_int_equal(columns_fit(columns, text, strlen(text), 2), strlen("xe\u0301"));
	assert_int_equal(columns_cut(columns, "日本語", strlen("日本語"), 4, true, &out), 3);
	assert_string_equal(out.data, "日…");
	buf_reset(&out);
	assert_int_equal(columns_cut(columns, "日本語", strlen("日本語"), 5, false, &out), 4);
	assert_string_equal(out.data, "日本");
	columns_free(columns);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_wide_terminal_shows_everything),
		cmocka_unit_test(without_unicode_the_bar_is_ascii),
		cmocka_unit_test(a_narrow_terminal_keeps_name_and_time),
		cmocka_unit_test(a_low_terminal_counts_the_rest),
		cmocka_unit_test(colors_do_not_count),
		cmocka_unit_test(no_line_is_as_wide_as_the_terminal),
		cmocka_unit_test(columns_are_counted),
		cmocka_unit_test(what_combines_is_not_parted),
	};

	return cmocka_run_group_tests_name("report_frame", tests, NULL, NULL);
}
