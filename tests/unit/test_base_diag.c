#include "config.h"

#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/diag.h"

static const char manifest[] = "project: x\n"
			       "services:\n"
			       "  web:\n"
			       "    dockerfil: Dockerfile\n"
			       "\timage: \"a b\" # note\n"
			       "  last: 1\n";

/* diags_new with the manifest as source 1. */
static struct diags *with_manifest(void)
{
	struct diags *diags = diags_new();

	assert_int_equal(diags_source(diags, "services.yaml", manifest, sizeof(manifest) - 1), 1);
	return diags;
}

static void assert_rendered(struct diags *diags, const char *want)
{
	struct buf out = { 0 };

	diags_render(diags, &out, false);
	assert_string_equal(out.len ? out.data : "", want);
	buf_free(&out);
	diags_free(diags);
}

static struct pos at(uint32_t line, uint32_t column)
{
	return (struct pos){ .file = 1, .line = line, .column = column };
}

static void test_render(void **state)
{
	struct diags *diags = with_manifest();

	(void)state;
	diags_add(diags, at(4, 5), "did you mean \"dockerfile\"?", "unknown key \"%s\"", "dockerfil");
	assert_rendered(diags, "services.yaml:4:5: error: unknown key \"dockerfil\"\n"
			       "    4 |     dockerfil: Dockerfile\n"
			       "      |     ^~~~~~~~~\n"
			       "      = help: did you mean \"dockerfile\"?\n");
}

static void test_tabs_and_quotes(void **state)
{
	struct diags *diags = with_manifest();

	(void)state;
	diags_add(diags, at(5, 9), NULL, "x");
	assert_rendered(diags, "services.yaml:5:9: error: x\n"
			       "    5 | \timage: \"a b\" # note\n"
			       "      | \t       ^~~~~\n");
}

static void test_sorted_and_once(void **state)
{
	struct diags *diags = with_manifest();

	(void)state;
	diags_add(diags, at(3, 3), NULL, "b");
	diags_add(diags, at(3, 3), NULL, "a");
	diags_add(diags, at(1, 10), NULL, "first");
	diags_add(diags, at(3, 3), NULL, "b");
	diags_add(diags, (struct pos){ 0 }, NULL, "nowhere");
	assert_int_equal(diags_count(diags), 5);
	assert_rendered(diags, "error: nowhere\n"
			       "services.yaml:1:10: error: first\n"
			       "    1 | project: x\n"
			       "      |          ^\n"
			       "services.yaml:3:3: error: b\n"
			       "    3 |   web:\n"
			       "      |   ^~~\n"
			       "services.yaml:3:3: error: a\n"
			       "    3 |   web:\n"
			       "      |   ^~~\n");
}

static void test_notes(void **state)
{
	struct diags *diags = with_manifest();

	(void)state;
	diags_note(diags, at(1, 1), "belongs to nothing");
	diags_add(diags, at(6, 3), NULL, "twice");
	diags_note(diags, at(3, 3), "first %s", "here");
	diags_note(diags, (struct pos){ 0 }, "and somewhere");
	diags_add(diags, at(2, 1), NULL, "earlier");
	assert_rendered(diags, "services.yaml:2:1: error: earlier\n"
			       "    2 | services:\n"
			       "      | ^~~~~~~~\n"
			       "services.yaml:6:3: error: twice\n"
			       "    6 |   last: 1\n"
			       "      |   ^~~~\n"
			       "services.yaml:3:3: note: first here\n"
			       "    3 |   web:\n"
			       "      |   ^~~\n"
			       "note: and somewhere\n");
}

static void view_into(void *data, const struct diag_view *diag)
{
	buf_printf(data, "%s:%u:%u %d %s|%s|%s\n", diag->file ? diag->file : "-", diag->line, diag->column,
		   diag->warning, diag->message, diag->hint ? diag->hint : "-", diag->rule ? diag->rule : "-");
}

static void test_warnings(void **state)
{
	struct diags *diags = with_manifest();
	cleanup_buf struct buf seen = { 0 };

	(void)state;
	diags_rule(diags, "of nothing");
	diags_warn(diags, at(3, 3), "a hint", "a warning");
	diags_rule(diags, "a-rule");
	diags_add(diags, at(2, 1), NULL, "an error");
	diags_warn(diags, at(3, 3), "a hint", "a warning");
	assert_int_equal(diags_count(diags), 1);
	assert_int_equal(diags_warnings(diags), 2);
	diags_each(diags, view_into, &seen);
	assert_string_equal(seen.data, "services.yaml:2:1 0 an error|-|-\n"
				       "services.yaml:3:3 1 a warning|a hint|a-rule\n");
	assert_rendered(diags, "services.yaml:2:1: error: an error\n"
			       "    2 | services:\n"
			       "      | ^~~~~~~~\n"
			       "services.yaml:3:3: warning: a warning\n"
			       "    3 |   web:\n"
			       "      |   ^~~\n"
			       "      = help: a hint\n");
}

static void test_past_the_end(void **state)
{
	struct diags *diags = with_manifest();

	(void)state;
	diags_add(diags, at(7, 1), NULL, "end");
	diags_add(diags, at(3, 99), NULL, "column");
	diags_add(diags, (struct pos){ .file = 9, .line = 1, .column = 1 }, NULL, "no such file");
	diags_add(diags, at(0, 0), NULL, "zero");
	assert_rendered(diags, "error: no such file\n"
			       "services.yaml:1:1: error: zero\n"
			       "    1 | project: x\n"
			       "      | ^~~~~~~\n"
			       "services.yaml:3:7: error: column\n"
			       "    3 |   web:\n"
			       "      |       ^\n"
			       "services.yaml:6:10: error: end\n"
			       "    6 |   last: 1\n"
			       "      |          ^\n");
}

static void test_empty_source(void **state)
{
	struct diags *diags = diags_new();

	(void)state;
	diags_source(diags, "empty", "", 0);
	diags_add(diags, at(1, 1), NULL, "nothing there");
	assert_rendered(diags, "empty:1:1: error: nothing there\n"
			       "    1 | \n"
			       "      | ^\n");
	diags_free(NULL);
}

static void test_control_bytes(void **state)
{
	static const char text[] = "a\033b: \xff\xc2\x9b x\r\n";
	struct diags *diags = diags_new();

	(void)state;
	diags_source(diags, "bad\nname", text, sizeof(text) - 1);
	diags_add(diags, at(1, 9), "\033", "key \"%s\"", "\033[2J");
	assert_rendered(diags, "bad\\x0aname:1:9: error: key \"\\x1b[2J\"\n"
			       "    1 | a\\x1bb: \\xff\\xc2\\x9b x\n"
			       "      |                      ^\n"
			       "      = help: \\x1b\n");
}

static void test_wide_characters(void **state)
{
	static const char text[] = "名前: ü\n";
	struct diags *diags = diags_new();

	(void)state;
	diags_source(diags, "wide", text, sizeof(text) - 1);
	diags_add(diags, at(1, 1), NULL, "name");
	diags_add(diags, at(1, 5), NULL, "value");
	assert_rendered(diags, "wide:1:1: error: name\n"
			       "    1 | 名前: ü\n"
			       "      | ^~~~\n"
			       "wide:1:5: error: value\n"
			       "    1 | 名前: ü\n"
			       "      |       ^\n");
}

static void test_long_line(void **state)
{
	struct diags *diags = diags_new();
	struct buf out = { 0 };
	char *text = malloc(100000);
	const char *line;
	const char *caret;

	(void)state;
	memset(text, 'x', 100000);
	text[50000] = ' ';
	text[50001] = '!';
	text[50002] = ' ';
	diags_source(diags, "long", text, 100000);
	diags_add(diags, at(1, 50002), NULL, "here");
	diags_render(diags, &out, false);
	assert_true(out.len < 500);
	line = strchr(out.data, '\n') + 1;
	caret = strchr(line, '\n') + 1;
	/* The caret stands under the exclamation mark. */
	assert_int_equal(strchr(line, '!') - line, strchr(caret, '^') - caret);
	assert_non_null(strstr(line, "| ...x"));
	assert_non_null(strstr(line, "x...\n"));
	buf_free(&out);
	diags_free(diags);
	free(text);
}

static void test_pos_at(void **state)
{
	static const char text[] = "ab\nü☺c\r\n\nend";
	struct diags *diags = diags_new();
	uint32_t file = diags_source(diags, "t", text, sizeof(text) - 1);
	static const struct {
		size_t offset;
		uint32_t line, column;
	} places[] = {
		{ 0, 1, 1 }, { 1, 1, 2 },  { 2, 1, 3 },  { 3, 2, 1 },  { 5, 2, 2 },  { 8, 2, 3 },
		{ 9, 2, 4 }, { 10, 2, 4 }, { 11, 3, 1 }, { 12, 4, 1 }, { 15, 4, 4 }, { 9999, 4, 4 },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(places) / sizeof(places[0]); i++) {
		struct pos pos = diags_pos_at(diags, file, places[i].offset);

		if (pos.file != file || pos.line != places[i].line || pos.column != places[i].column)
			fail_msg("offset %zu is %u:%u", places[i].offset, pos.line, pos.column);
	}
	assert_int_equal(diags_pos_at(diags, 0, 3).file, 0);
	diags_free(diags);
}

static void test_color(void **state)
{
	struct diags *diags = with_manifest();
	struct buf out = { 0 };

	(void)state;
	diags_add(diags, at(1, 1), NULL, "x");
	diags_render(diags, &out, true);
	assert_non_null(strstr(out.data, "\033[1;31merror:\033[0m x\n"));
	buf_free(&out);
	diags_free(diags);
}

static void test_many_sources_sort_by_file(void **state)
{
	struct diags *diags = diags_new();
	struct buf out = { 0 };
	const char *last;

	(void)state;
	for (int i = 0; i < 100; i++) {
		char name[32];

		snprintf(name, sizeof(name), "f%02d", i);
		assert_int_equal(diags_source(diags, name, "a\n", 2), i + 1);
	}
	for (uint32_t i = 100; i > 0; i--)
		diags_add(diags, (struct pos){ .file = i, .line = 1, .column = 1 }, NULL, "x");
	diags_render(diags, &out, false);
	last = out.data;
	for (int i = 0; i < 100; i++) {
		char name[32];

		snprintf(name, sizeof(name), "f%02d:1:1:", i);
		last = strstr(last, name);
		assert_non_null(last);
	}
	buf_free(&out);
	diags_free(diags);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_render),
		cmocka_unit_test(test_tabs_and_quotes),
		cmocka_unit_test(test_sorted_and_once),
		cmocka_unit_test(test_notes),
		cmocka_unit_test(test_warnings),
		cmocka_unit_test(test_past_the_end),
		cmocka_unit_test(test_empty_source),
		cmocka_unit_test(test_control_bytes),
		cmocka_unit_test(test_wide_characters),
		cmocka_unit_test(test_long_line),
		cmocka_unit_test(test_pos_at),
		cmocka_unit_test(test_color),
		cmocka_unit_test(test_many_sources_sort_by_file),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
