#include "config.h"

#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/error.h"
#include "base/mem.h"
#include "engine/source/ignore.h"

static struct ignore *parse(const char *text, size_t len)
{
	struct ignore *ignore = NULL;
	struct error *err = NULL;

	if (ignore_parse(text, len, ".dockerignore", &ignore, &err) < 0)
		fail_msg("%s: %s", text, err->message);
	return ignore;
}

struct row {
	const char *text; /* the whole file */
	const char *path;
	bool ignored;
};

/* What moby/patternmatcher and its ignorefile reader make of each. */
static const struct row rows[] = {
	/* literal */
	{ "a", "a", true },
	{ "a", "b", false },
	{ "a", "a/b", true },
	{ "a", "a/b/c", true },
	{ "a", "b/a", false },
	{ "a/b", "a/b", true },
	{ "a/b", "a", false },
	{ "a/b", "a/b/c", true },
	{ "a/b", "a/c", false },
	{ "a", "ab", false },
	{ "abc.def", "abcdef", false },
	{ "abc.def", "abc.def", true },
	{ "abc.def", "abcZdef", false },
	{ "a(b)c/def", "a(b)c/def", true },
	{ "a(b)c/def", "a(b)c/xyz", false },
	{ "a.|)$(}+{bc", "a.|)$(}+{bc", true },
	{ "a^b", "a^b", true },
	{ "a^b*", "a^bc", false },
	{ "x-2.4.0rc3.dev36+g08-py3.whl", "x-2.4.0rc3.dev36+g08-py3.whl", true },
	/* one star and one character */
	{ "*", "file", true },
	{ "*", "dir/file", true },
	{ "*.go", "x.go", true },
	{ "*.go", "dir/x.go", false },
	{ "*.go", "x.go/file", true },
	{ "*.go", "x.gox", false },
	{ "a/*.txt", "a/file.txt", true },
	{ "a/*.txt", "a/dir/file.txt", false },
	{ "*/b", "a/b", true },
	{ "*/b", "b", false },
	{ "*/b", "a/c/b", false },
	{ "a*c", "abbc", true },
	{ "a*c", "a/c", false },
	{ "a*", "a", true },
	{ "dist/*.whl", "dist/x+y(1).whl", true },
	{ "abc?def", "abcZdef", true },
	{ "abc?def", "abcdef", false },
	{ "abc?def", "abc/def", false },
	{ "?", "\303\251", true },
	{ "??", "\303\251", false },
	{ "?", "\377", true },
	{ "*", "new\nline", true },
	{ "a?b", "a\nb", true },
	{ ".*", ".foo", true },
	{ ".*", "foo", false },
	{ ".*", "dir/.foo", false },
	/* two stars */
	{ "**", "file", true },
	{ "**", "dir/file", true },
	{ "**/", "file", true },
	{ "**/**", "dir/file", true },
	{ "dir/**", "dir/file", true },
	{ "dir/**", "dir/dir2/file", true },
	{ "dir/**", "dir", false },
	{ "dir/**", "dirx", false },
	{ "abc/**", "abc", false },
	{ "abc**", "abc", true },
	{ "abc**", "abcd/e", true },
	{ "**/dir", "dir", true },
	{ "**/dir", "dir/file", true },
	{ "**/dir", "a/b/dir", true },
	{ "**/dir", "a/b/dir/c", true },
	{ "**/dir", "xdir", false },
	{ "**/dir", "a/xdir", false },
	{ "**/dir2/*", "dir/dir2/file", true },
	{ "**/dir2/**", "dir/dir2/dir3/file", true },
	{ "**file", "file", true },
	{ "**file", "dir/file", true },
	{ "**file", "xfile", true },
	{ "**file", "dir/dir/file", true },
	{ "**/file", "dir/dir/file", true },
	{ "**/file*", "dir/dir/file", true },
	{ "**/file*", "dir/dir/file.txt", true },
	{ "**/file*txt", "dir/dir/file.txt", true },
	{ "**/file*.txt", "dir/dir/file.txt", true },
	{ "**/file*.txt*", "dir/dir/file.txt", true },
	{ "**/**/*.txt", "dir/dir/file.txt", true },
	{ "**/**/*.txt2", "dir/dir/file.txt", false },
	{ "**/*.txt", "file.txt", true },
	{ "**/**/*.txt", "file.txt", true },
	{ "a**/*.txt", "a/file.txt", true },
	{ "a**/*.txt", "a/dir/file.txt", true },
	{ "a**/*.txt", "ab/file.txt", true },
	{ "a**/*.txt", "b/file.txt", false },
	{ "a/*.txt**", "a/file.txt", true },
	{ "a/*.txt**", "a/file.txt2/x", true },
	{ "a/**/b", "a/b", true },
	{ "a/**/b", "a/x/y/b", true },
	{ "a/**/b", "a/xb", false },
	{ "**/foo/bar", "foo/bar", true },
	{ "**/foo/bar", "dir/dir2/foo/bar", true },
	{ "**/foo/bar", "dir/foo", false },
	{ "**/.foo", ".foo", true },
	{ "**/.foo", "bar.foo", false },
	{ "***", "a/b", true },
	{ "**/*.txt", "new\nline/x.txt", false },
	{ "**/x", "new\nline/x", true },
	{ "x/**", "x/new\nline", true },
	/* classes and escapes */
	{ "a[b-d]e", "ae", false },
	{ "a[b-d]e", "ace", true },
	{ "a[b-d]e", "aae", false },
	{ "a[^b-d]e", "aze", true },
	{ "a[^b-d]e", "ace", false },
	{ "a[^b-d]e", "a/e", true },
	{ "[!a]", "!", true },
	{ "[!a]", "b", false },
	{ "a[.]b", "a.b", true },
	{ "a[.]b", "axb", false },
	{ "[[:digit:]]", "7", true },
	{ "[[:digit:]]", "x", false },
	{ "[a*b]c", "[a/b]c", true },
	{ "[\\]]", "]", true },
	{ "[\\d]", "5", true },
	{ "a]b*", "a]bc", true },
	{ "a\\*b", "a*b", true },
	{ "a\\*b", "axb", false },
	{ "a\\\\", "a\\", true },
	{ "\\[x", "[x", true },
	{ "x\\d", "x5", true },
	{ "x\\d", "xd", false },
	{ "\\build", "uild", true },
	{ "\\build", "build", false },
	{ "a\\Sb", "a/b", true },
	{ "a\\tb", "a\tb", true },
	{ "[\303\240-\303\252]", "\303\251", true },
	/* what the builders forget to escape: "|" and repetitions, in patterns with wildcards only */
	{ "*.{js,ts}", "a.{js,ts}", true },
	{ "*.{js,ts}", "a.js", false },
	{ "[a-b]{2}", "ab", true },
	{ "[a-b]{2}", "a", false },
	{ "a?|b", "axy", true },
	{ "a?|b", "xb", true },
	{ "a?|b", "xby", false },
	{ "a|b", "a|b", true },
	{ "a|b", "a", false },
	{ "x{1,2}?", "xxy", true },
	{ "x{1,2}?", "y", false },
	{ "x{0,}?", "y", true },
	{ "x{01}?", "x{01}z", true },
	/* cleaning */
	{ "/a", "a", true },
	{ "//a", "a", true },
	{ "/a/", "a", true },
	{ "./a", "a", true },
	{ "a/./b", "a/b", true },
	{ "a//b", "a/b", true },
	{ "a/../b", "b", true },
	{ "a/../b", "a", false },
	{ "../a", "a", false },
	{ "/../a", "a", true },
	{ "a/", "a/b", true },
	{ ".", "a", false },
	{ "/", "a", false },
	{ "..", "a", false },
	{ "", "a", false },
	{ "/*", "a", true },
	{ "/**/a", "b/a", true },
	/* lines */
	{ "# a\na", "a", true },
	{ "#a", "#a", false },
	{ " #a", "#a", true },
	{ "\\#a", "#a", true },
	{ "  a  ", "a", true },
	{ "a\r\nb\r\n", "a", true },
	{ "a\r\nb\r\n", "b", true },
	{ "\xef\xbb\xbf"
	  "a",
	  "a", true },
	{ "b\n\xef\xbb\xbf"
	  "a",
	  "a", false },
	{ "\n\n  \t\na", "a", true },
	{ "a\xc2\xa0", "a", true },
	{ "a b", "a b", true },
	{ "a\nb", "b/c", true },
	/* bringing back */
	{ "*\n!a", "a", false },
	{ "*\n!a", "b", true },
	{ "*\n!a", "a/b", false },
	{ "*\n!a/b", "a/b", false },
	{ "*\n!a/b", "a/c", true },
	{ "!a\n*", "a", true },
	{ "docs\n!docs/README.md", "docs/README.md", false },
	{ "docs/*\n!docs/README.md", "docs/x", true },
	{ "**\n!util/docker/web", "util/docker/web/foo", false },
	{ "**\n!util/docker/web\nutil/docker/web/foo", "util/docker/web/foo", true },
	{ "**\n!dist/*.whl", "dist/a.whl", false },
	{ "*.md\n!README*.md\nREADME-secret.md", "README-secret.md", true },
	{ "*.md\n!README*.md\nREADME-secret.md", "README.md", false },
	{ "*\n! a", "a", false },
	{ "*\n!/a", "a", false },
	{ "*\n!./a/", "a", false },
	{ "a\n!**/keep", "a/b/keep", false },
	{ "a\n!**/keep", "a/b/other", true },
	{ "*\n!a\na/b", "a/b/c", true },
	{ "x/y\n!x", "x/y", false },
	{ "x\n!x/y\nx", "x/y", true },
	{ "!", "", false },
};

static void test_table(void **state)
{
	size_t count = sizeof(rows) / sizeof(*rows);

	(void)state;
	assert_true(count >= 120);
	for (size_t i = 0; i + 1 < count; i++) {
		struct ignore *ignore = parse(rows[i].text, strlen(rows[i].text));

		if (ignore_matches(ignore, rows[i].path) != rows[i].ignored)
			fail_msg("row %zu: \"%s\" and %s: not %d", i, rows[i].text, rows[i].path, rows[i].ignored);
		ignore_free(ignore);
	}
}

/* Where the two rules of patternmatcher differ, a walk leaves out only what both leave out. */
static void test_walk_agrees(void **state)
{
	static const char both[] = "x\n!x/y\nx";
	struct ignore *ignore = parse(both, strlen(both));

	(void)state;
	assert_true(ignore_matches(ignore, "x/y"));
	assert_false(ignore_walk(ignore, "x/y"));
	assert_true(ignore_walk(ignore, "x/z"));
	assert_true(ignore_walk(ignore, "x"));
	ignore_free(ignore);
	for (size_t i = 0; i + 1 < sizeof(rows) / sizeof(*rows); i++) {
		ignore = parse(rows[i].text, strlen(rows[i].text));
		if (!rows[i].ignored && ignore_walk(ignore, rows[i].path))
			fail_msg("row %zu is left out by the walk", i);
		ignore_free(ignore);
	}
}

static void test_refused(void **state)
{
	static const struct {
		const char *text, *message;
	} bad[] = {
		{ "a\n[", ".dockerignore:2: syntax error in pattern: \"[\"" },
		{ "[]a]", ".dockerignore:1: syntax error in pattern: \"[]a]\"" },
		{ "a\n\n!", ".dockerignore:3: illegal exclusion pattern: \"!\": \"!\"" },
		{ "!/", ".dockerignore:1: illegal exclusion pattern: \"!\": \"!/\"" },
		{ "a\\", ".dockerignore:1: syntax error in pattern: \"a\\\"" },
		{ "[z-a]", ".dockerignore:1: syntax error in pattern: \"[z-a]\"" },
		{ "[a-]", NULL },
		{ "[-a]", NULL },
		{ "a\\y", NULL },
		{ "\\\303\251", NULL },
		{ "[[:nothing:]]", NULL },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++) {
		struct ignore *ignore = NULL;
		struct error *err = NULL;

		if (ignore_parse(bad[i].text, strlen(bad[i].text), ".dockerignore", &ignore, &err) == 0)
			fail_msg("%s is taken", bad[i].text);
		assert_int_equal(err->cls, ERROR_USAGE);
		if (bad[i].message)
			assert_string_equal(err->message, bad[i].message);
		error_free(err);
	}
}

static void test_long_line(void **state)
{
	char *line = mem_alloc(70000);
	struct ignore *ignore = NULL;
	struct error *err = NULL;

	(void)state;
	memset(line, 'a', 65535);
	ignore = parse(line, 65535);
	ignore_free(ignore);
	assert_int_equal(ignore_parse(line, 65536, "x", &ignore, &err), -1);
	error_free(err);
	free(line);
}

/* A pattern that backtracking would never finish. */
static void test_no_blow_up(void **state)
{
	static const char text[] = "**/*a*a*a*a*a*a*a*a*a*a*a*a*a*a*a*a*b\n!**/x*/**/y*/**/z*/**/w";
	struct ignore *ignore = parse(text, strlen(text));
	char path[2001];

	(void)state;
	memset(path, 'a', 2000);
	path[2000] = '\0';
	assert_false(ignore_matches(ignore, path));
	path[1999] = 'b';
	assert_true(ignore_matches(ignore, path));
	ignore_free(ignore);
}

static void test_descend(void **state)
{
	static const struct {
		const char *text, *dir;
		bool descend;
	} cases[] = {
		{ "a", "a", false },
		{ "*\n!a/b/c", "a", true },
		{ "*\n!a/b/c", "a/b", true },
		{ "*\n!a/b/c", "b", false },
		{ "*\n!a/b/c", "a/b/c", false },
		{ "*\n!a", "a", false },
		{ "*\n!**/keep", "x/y", true },
		{ "*\n!a/*/c", "a/x", true },
		{ "*\n!a/*/c", "b", false },
		{ "*\n!*/b", "x", true },
		{ "*\n!*/b", "x/y", false },
		{ "*\n!a/[bc]/d", "a/z", true },
		{ "*\n!a*/x", "abc", true },
		{ "*\n!a*/x", "bc", false },
		{ "*\n!a/b**", "a/z", true },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		struct ignore *ignore = parse(cases[i].text, strlen(cases[i].text));

		if (ignore_descend(ignore, cases[i].dir) != cases[i].descend)
			fail_msg("%s in %s", cases[i].text, cases[i].dir);
		ignore_free(ignore);
	}
	assert_false(ignore_descend(NULL, "a"));
	assert_false(ignore_matches(NULL, "a"));
}

/* Whatever is not left out below a folder that is must be reached. */
static void test_descend_reaches(void **state)
{
	static const char *const names[] = { "a", "b", "ab", "c" };

	(void)state;
	for (size_t i = 0; i + 1 < sizeof(rows) / sizeof(*rows); i++) {
		struct ignore *ignore = parse(rows[i].text, strlen(rows[i].text));

		for (unsigned n = 0; n < 4 * 4 * 4; n++) {
			char dir[16], path[32];

			snprintf(dir, sizeof(dir), "%s/%s", names[n % 4], names[n / 4 % 4]);
			snprintf(path, sizeof(path), "%s/%s", dir, names[n / 16]);
			if (ignore_matches(ignore, dir) && !ignore_matches(ignore, path) && !ignore_descend(ignore, dir))
				fail_msg("row %zu: %s is not reached", i, path);
		}
		ignore_free(ignore);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_table),           cmocka_unit_test(test_walk_agrees),
		cmocka_unit_test(test_refused),         cmocka_unit_test(test_long_line),
		cmocka_unit_test(test_no_blow_up),      cmocka_unit_test(test_descend),
		cmocka_unit_test(test_descend_reaches),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
