#include "config.h"

#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/glob.h"
#include "base/pattern.h"

struct example {
	const char *pattern;
	const char *name;
	int want;
};

/* matchTests of Go's path/filepath/match_test.go. */
static const struct example go_examples[] = {
	{ "abc", "abc", 1 },
	{ "*", "abc", 1 },
	{ "*c", "abc", 1 },
	{ "a*", "a", 1 },
	{ "a*", "abc", 1 },
	{ "a*", "ab/c", 0 },
	{ "a*/b", "abc/b", 1 },
	{ "a*/b", "a/c/b", 0 },
	{ "a*b*c*d*e*/f", "axbxcxdxe/f", 1 },
	{ "a*b*c*d*e*/f", "axbxcxdxexxx/f", 1 },
	{ "a*b*c*d*e*/f", "axbxcxdxe/xxx/f", 0 },
	{ "a*b*c*d*e*/f", "axbxcxdxexxx/fff", 0 },
	{ "a*b?c*x", "abxbbxdbxebxczzx", 1 },
	{ "a*b?c*x", "abxbbxdbxebxczzy", 0 },
	{ "ab[c]", "abc", 1 },
	{ "ab[b-d]", "abc", 1 },
	{ "ab[e-g]", "abc", 0 },
	{ "ab[^c]", "abc", 0 },
	{ "ab[^b-d]", "abc", 0 },
	{ "ab[^e-g]", "abc", 1 },
	{ "a\\*b", "a*b", 1 },
	{ "a\\*b", "ab", 0 },
	{ "a?b", "a☺b", 1 },
	{ "a[^a]b", "a☺b", 1 },
	{ "a???b", "a☺b", 0 },
	{ "a[^a][^a][^a]b", "a☺b", 0 },
	{ "[a-ζ]*", "α", 1 },
	{ "*[a-ζ]", "A", 0 },
	{ "a?b", "a/b", 0 },
	{ "a*b", "a/b", 0 },
	{ "[\\]a]", "]", 1 },
	{ "[\\-]", "-", 1 },
	{ "[x\\-]", "x", 1 },
	{ "[x\\-]", "-", 1 },
	{ "[x\\-]", "z", 0 },
	{ "[\\-x]", "x", 1 },
	{ "[\\-x]", "-", 1 },
	{ "[\\-x]", "a", 0 },
	{ "[]a]", "]", -1 },
	{ "[-]", "-", -1 },
	{ "[x-]", "x", -1 },
	{ "[x-]", "-", -1 },
	{ "[x-]", "z", -1 },
	{ "[-x]", "x", -1 },
	{ "[-x]", "-", -1 },
	{ "[-x]", "a", -1 },
	{ "\\", "a", -1 },
	{ "[a-b-c]", "a", -1 },
	{ "[", "a", -1 },
	{ "[^", "a", -1 },
	{ "[^bc", "a", -1 },
	{ "a[", "a", -1 },
	{ "a[", "ab", -1 },
	{ "a[", "x", -1 },
	{ "a/b[", "x", -1 },
	{ "*x", "xxx", 1 },
};

static const struct example our_examples[] = {
	{ "", "", 1 },         { "", "a", 0 },
	{ "*", "", 1 },        { "**", "abc", 1 },
	{ "**", "a/b", 0 },    { "*.go", ".go", 1 },
	{ "[^a]", "/", 1 }, /* as Go: only * and ? stop at a slash */
	{ "?", "\xff", 1 },    { "a\xff", "a\xff", 1 },
	{ "[\xff]", "a", -1 }, { "x*[", "y", -1 },
	{ "[*]x", "*x", 1 },   { "a*a*a*a*a*a*a*a*b", "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa", 0 },
};

static const struct example deep_examples[] = {
	{ "**", "", 1 },
	{ "**", "a", 1 },
	{ "**", "a/b/c", 1 },
	{ "a/**", "a", 1 },
	{ "a/**", "a/b/c", 1 },
	{ "a/**", "ab", 0 },
	{ "**/b", "b", 1 },
	{ "**/b", "a/x/b", 1 },
	{ "**/b", "a/b/c", 0 },
	{ "a/**/b", "a/b", 1 },
	{ "a/**/b", "a/x/y/b", 1 },
	{ "a/**/b/**/c", "a/b/x/b/y/c", 1 },
	{ "a/**/b/**/c", "a/x/y/c", 0 },
	{ "**/*.go", "cmd/x/main.go", 1 },
	{ "**/*.go", "main.c", 0 },
	{ "a**", "ab", 1 },
	{ "a**", "ab/c", 0 },
	{ "a/*", "a/b/c", 0 },
	{ "**/**/x", "x", 1 },
	{ "a/b", "a", 0 },
	{ "a", "a/b", 0 },
	{ "a", "", 0 },
	{ "**/[", "x", -1 },
	{ "a/[", "b", -1 },
};

static void check(const struct example *examples, size_t count, int (*match)(const char *, const char *))
{
	for (size_t i = 0; i < count; i++) {
		int got = match(examples[i].pattern, examples[i].name);

		if (got != examples[i].want)
			fail_msg("'%s' on '%s': %d, not %d", examples[i].pattern, examples[i].name, got,
				 examples[i].want);
	}
}

static void test_as_go(void **state)
{
	(void)state;
	check(go_examples, sizeof(go_examples) / sizeof(go_examples[0]), glob_match);
}

static void test_corners(void **state)
{
	(void)state;
	check(our_examples, sizeof(our_examples) / sizeof(our_examples[0]), glob_match);
}

static void test_deep(void **state)
{
	(void)state;
	check(deep_examples, sizeof(deep_examples) / sizeof(deep_examples[0]), glob_match_deep);
}

static void test_magic(void **state)
{
	(void)state;
	assert_true(glob_has_magic("*.c"));
	assert_true(glob_has_magic("a?"));
	assert_true(glob_has_magic("[x]"));
	assert_true(glob_has_magic("a\\b"));
	assert_false(glob_has_magic("src/main.c]"));
}

static void test_pattern_finds(void **state)
{
	struct pattern *pattern = NULL;

	(void)state;
	assert_int_equal(pattern_new("\"status\":\\s*\"(ok|up)\"", &pattern, NULL), 0);
	assert_int_equal(pattern_find(pattern, "{\"status\":  \"ok\"}", 17, NULL), 1);
	assert_int_equal(pattern_find(pattern, "{\"status\": \"no\"}", 16, NULL), 0);
	assert_int_equal(pattern_find(pattern, NULL, 0, NULL), 0);
	pattern_free(pattern);
	pattern_free(NULL);
}

static void test_pattern_on_bytes(void **state)
{
	struct pattern *pattern = NULL;

	(void)state;
	assert_int_equal(pattern_new("a.b", &pattern, NULL), 0);
	assert_int_equal(pattern_find(pattern,
				      "x\0a\xff"
				      "b",
				      5, NULL),
			 1);
	pattern_free(pattern);
}

static void test_pattern_malformed(void **state)
{
	cleanup_error struct error *err = NULL;
	struct pattern *pattern = NULL;

	(void)state;
	assert_true(pattern_new("ab(c", &pattern, &err) < 0);
	assert_null(pattern);
	assert_int_equal(err->cls, ERROR_USAGE);
	assert_non_null(strstr(err->message, "offset 4"));
	assert_non_null(strstr(err->message, "parenthesis"));
}

static void test_pattern_runs_away(void **state)
{
	/* About two million steps: more than ours, fewer than pcre2's own limit of ten million. */
	static const char text[] = "aaaaaaaaaaaaaaaaaaaad";
	cleanup_error struct error *err = NULL;
	struct pattern *pattern = NULL;

	(void)state;
	assert_int_equal(pattern_new("^(a+)+[bc]", &pattern, NULL), 0);
	assert_true(pattern_find(pattern, text, sizeof(text) - 1, &err) < 0);
	assert_int_equal(err->cls, ERROR_USAGE);
	assert_int_equal(pattern_find(pattern, text + 10, sizeof(text) - 11, NULL), 0);
	pattern_free(pattern);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_as_go),
		cmocka_unit_test(test_corners),
		cmocka_unit_test(test_deep),
		cmocka_unit_test(test_magic),
		cmocka_unit_test(test_pattern_finds),
		cmocka_unit_test(test_pattern_on_bytes),
		cmocka_unit_test(test_pattern_malformed),
		cmocka_unit_test(test_pattern_runs_away),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
