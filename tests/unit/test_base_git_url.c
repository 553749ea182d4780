#include "config.h"

#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdlib.h>
#include <string.h>

#include "base/git_url.h"
#include "base/mem.h"
#include "base/remote.h"

#define COMMIT "0123456789012345678901234567890123456789"

/* "REPOSITORY REF FOLDER COMMIT", with "-alone" without submodules; or why not. */
static void assert_parsed(const char *text, const char *want)
{
	struct git_url git;
	const char *why = NULL;
	cleanup_free char *got = NULL;

	if (git_url_parse(text, &git, &why)) {
		got = mem_printf("%s %s [%s] %s%s", git.repository, git.ref, git.subdir, git.commit ? git.commit : "-",
				 git.submodules ? "" : " alone");
		git_url_free(&git);
	} else {
		got = mem_strdup(why);
		assert_null(git.repository);
	}
	assert_string_equal(got, want);
}

static void test_fragments(void **state)
{
	(void)state;
	assert_parsed("https://h/r.git", "https://h/r.git HEAD [] -");
	assert_parsed("https://h/r.git#", "https://h/r.git HEAD [] -");
	assert_parsed("https://h/r.git#main", "https://h/r.git main [] -");
	assert_parsed("https://h/r.git#main:a/b", "https://h/r.git main [a/b] -");
	assert_parsed("https://h/r.git#:/a//b/", "https://h/r.git HEAD [a/b] -");
	assert_parsed("https://h/r.git#feature/x%20y:a%20b", "its ref is no name of git's");
	assert_parsed("https://h/r.git#feature/x:a%20b", "https://h/r.git feature/x [a b] -");
	assert_parsed("https://h/r.git#" COMMIT ":sub", "https://h/r.git " COMMIT " [sub] " COMMIT);
	assert_parsed("git@h:a/r.git#v1", "git@h:a/r.git v1 [] -");
	assert_parsed("github.com/a/r#v1", "https://github.com/a/r v1 [] -");
	assert_parsed("ssh://git@h:22/a/r#v1", "ssh://git@h:22/a/r v1 [] -");
	assert_parsed("https://h/r.git#main:../x", "its folder is outside the repository");
	assert_parsed("https://h/r.git#main:a/../..", "its folder is outside the repository");
	assert_parsed("https://h/r.git#main:a/..", "https://h/r.git main [] -");
	assert_parsed("https://h/r.git#-x", "its ref is no name of git's");
	assert_parsed("https://h/r.git#a..b", "its ref is no name of git's");
	assert_parsed("https://h/r.git#a^b", "its ref is no name of git's");
	assert_parsed("https://h/r.git#a%0ab", "its ref is no name of git's");
}

static void test_queries(void **state)
{
	struct git_url git;
	const char *why;

	(void)state;
	assert_parsed("https://h/r.git?ref=main&subdir=a", "https://h/r.git main [a] -");
	assert_parsed("https://h/r.git?tag=v1", "https://h/r.git refs/tags/v1 [] -");
	assert_parsed("https://h/r.git?tag=refs/tags/v1", "https://h/r.git refs/tags/v1 [] -");
	assert_parsed("https://h/r.git?branch=b%2Fc", "https://h/r.git refs/heads/b/c [] -");
	assert_parsed("https://h/r.git?commit=" COMMIT, "https://h/r.git " COMMIT " [] " COMMIT);
	assert_parsed("https://h/r.git?tag=v1&checksum=01234567", "https://h/r.git refs/tags/v1 [] 01234567");
	assert_parsed("https://h/r.git?ref=main#main", "https://h/r.git main [] -");
	assert_parsed("https://h/r.git?subdir=a#:a", "https://h/r.git HEAD [a] -");
	assert_parsed("https://h/r.git?submodules=0&keep-git-dir=false", "https://h/r.git HEAD [] - alone");
	assert_parsed("https://h/r.git?submodules", "https://h/r.git HEAD [] -");
	assert_parsed("github.com/a/r?tag=v1", "https://github.com/a/r refs/tags/v1 [] -");
	assert_parsed("https://h/r.git?ref=a#b", "it names two refs or two folders");
	assert_parsed("https://h/r.git?subdir=a#:b", "it names two refs or two folders");
	assert_parsed("https://h/r.git?tag=a&branch=a", "it names a branch and a tag");
	assert_parsed("https://h/r.git?ref=a&ref=b", "a key of its query is given twice");
	assert_parsed("https://h/r.git?ref=", "a key of its query has no value");
	assert_parsed("https://h/r.git?x=1", "its query has ref, branch, tag, commit, subdir and submodules");
	assert_parsed("https://h/r.git?submodules=x", "\"submodules\" is 0 or 1");
	assert_parsed("https://h/r.git?keep-git-dir=1", "https://h/r.git HEAD [] -");
	assert_parsed("https://h/r.git?keep-git-dir=x", "\"keep-git-dir\" is 0 or 1");
	assert_false(git_url_parse_folder("https://h/r.git?keep-git-dir=1", &git, &why));
	assert_string_equal(why, "the folder .git cannot be kept: it differs from one fetch to the next");
	assert_parsed("https://h/r.git?commit=0123", "its commit is no hash");
	assert_parsed("https://h/r.git?commit=xyz45678", "its commit is no hash");
}

static void test_pinned(void **state)
{
	static const struct {
		const char *url;
		bool pinned;
	} cases[] = { { "https://h/r.git#" COMMIT, true },
		      { "https://h/r.git?commit=" COMMIT "&tag=v1", true },
		      { "https://h/r.git?commit=0123456", false },
		      { "https://h/r.git#main", false } };

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		struct git_url git;
		const char *why;

		assert_true(git_url_parse(cases[i].url, &git, &why));
		assert_int_equal(git_url_pinned(&git) != NULL, cases[i].pinned);
		git_url_free(&git);
	}
}

/* Whatever the bytes: an answer, a folder inside, a ref that git does not take for an option. */
static void test_any_bytes(void **state)
{
	static const char alphabet[] = "a0/.:#?&=%-@~ \n\xff";
	static const char *const words[] = { "https://h/r.git", "ref=", "tag=", "branch=", "commit=", "subdir=", "..",
					     "%2e%2e/",         COMMIT, "#",    "?",       "git@h:r" };
	uint64_t seed = 42;

	(void)state;
	for (unsigned i = 0; i < 200000; i++) {
		char text[256] = "";
		struct git_url git;
		const char *why = NULL;

		for (unsigned part = 0; part < 8; part++) {
			seed = seed * 6364136223846793005u + 1442695040888963407u;
			if (seed >> 63)
				strcat(text, words[(seed >> 33) % (sizeof(words) / sizeof(*words))]);
			else
				strncat(text, &alphabet[(seed >> 33) % (sizeof(alphabet) - 1)], 1);
		}
		if (!git_url_parse(text, &git, &why)) {
			assert_non_null(why);
			continue;
		}
		assert_true(git.subdir[0] != '/' && strcmp(git.subdir, "..") != 0 && strncmp(git.subdir, "../", 3) != 0);
		assert_true(git.ref[0] && git.ref[0] != '-');
		git_url_free(&git);
	}
}

static void test_remote(void **state)
{
	(void)state;
	assert_true(remote_is_context("github.com/a/b"));
	assert_true(remote_is_context("https://h/x.tgz"));
	assert_true(remote_is_context("git@h:x"));
	assert_false(remote_is_context("file:///x"));
	assert_false(remote_is_context("./x"));
	assert_true(remote_is_git("https://h/r.git?tag=v1"));
	assert_false(remote_is_git("https://h/r.tgz#x.git"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_fragments), cmocka_unit_test(test_queries), cmocka_unit_test(test_pinned),
		cmocka_unit_test(test_any_bytes), cmocka_unit_test(test_remote),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
