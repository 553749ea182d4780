#include "config.h"

#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/buf.h"
#include "base/error.h"
#include "base/fs.h"
#include "base/mem.h"
#include "engine/source/git.h"

/* libgit2 keeps what pcre2 needed for a setting's pattern that does not match (1.5); with AddressSanitizer that would be our leak. */
const char *__lsan_default_suppressions(void);
const char *__lsan_default_suppressions(void)
{
	return "leak:libpcre2\n";
}

/* What the pipeline that these tests run in may have set. */
static const char *const pipelines[] = { "CI_COMMIT_REF_NAME", "GITHUB_REF_NAME",  "BITBUCKET_BRANCH",
					 "CIRCLE_BRANCH",      "BUILDKITE_BRANCH", "BRANCH_NAME" };

static int setup(void **state)
{
	char template[] = "/tmp/cbuild-git-XXXXXX";

	if (!mkdtemp(template))
		return -1;
	/* nothing of the user's own settings, the same times for all commits */
	setenv("HOME", template, 1);
	setenv("GIT_CONFIG_NOSYSTEM", "1", 1);
	for (size_t i = 0; i < sizeof(pipelines) / sizeof(pipelines[0]); i++)
		unsetenv(pipelines[i]);
	setenv("GIT_AUTHOR_NAME", "a", 1);
	setenv("GIT_AUTHOR_EMAIL", "a@example.org", 1);
	setenv("GIT_COMMITTER_NAME", "a", 1);
	setenv("GIT_COMMITTER_EMAIL", "a@example.org", 1);
	*state = mem_strdup(template);
	return 0;
}

static int teardown(void **state)
{
	fs_remove_tree(*state, NULL);
	free(*state);
	return 0;
}

/* What a shell command says in the folder, without the newline at its end. */
static char *shell(const char *dir, const char *command)
{
	char *line = mem_printf("cd '%s' && { %s; } 2>/dev/null", dir, command);
	FILE *pipe = popen(line, "r");
	struct buf out = { 0 };
	char block[4096];
	size_t got;

	assert_non_null(pipe);
	while ((got = fread(block, 1, sizeof(block), pipe)) > 0)
		buf_add(&out, block, got);
	if (pclose(pipe) != 0)
		fail_msg("%s", line);
	free(line);
	buf_str(&out, "");
	while (out.len > 0 && out.data[out.len - 1] == '\n')
		out.data[--out.len] = '\0';
	return buf_steal(&out);
}

static void run(const char *dir, const char *command)
{
	free(shell(dir, command));
}

static void expect(const char *dir, const char *name, const char *command)
{
	struct git *git = git_new(dir);
	const char *why = NULL, *value = git_value(git, name, &why);
	char *wanted = shell(dir, command);

	if (!value)
		fail_msg("%s: %s", name, why);
	assert_string_equal(value, wanted);
	assert_ptr_equal(value, git_value(git, name, NULL)); /* asked once */
	free(wanted);
	git_free(git);
}

/* All values beside those of the command. */
static void compare(const char *dir)
{
	expect(dir, "git.commit", "git rev-parse HEAD");
	expect(dir, "git.short", "git rev-parse --short=12 HEAD");
	expect(dir, "git.branch", "git symbolic-ref --short -q HEAD || true");
	expect(dir, "git.describe", "git describe --tags --always --dirty");
	expect(dir, "git.dirty", "git diff-index --quiet HEAD && echo false || echo true");
}

static void expect_why(const char *dir, const char *name, const char *words)
{
	struct git *git = git_new(dir);
	const char *why = NULL;

	const char *value = git_value(git, name, &why);

	if (value)
		fail_msg("%s of %s is %s", name, dir, value);
	assert_non_null(why);
	if (!strstr(why, words))
		fail_msg("%s", why);
	git_free(git);
}

static void test_values(void **state)
{
	const char *dir = *state;
	char *below = path_join(dir, "sub/dir");

	run(dir,
	    "git init -q -b main . && mkdir -p sub/dir && echo 1 > f && echo 1 > sub/dir/g && git add . && git commit -qm 1");
	compare(dir);
	compare(below);
	run(dir, "echo new > untracked");
	compare(dir);
	run(dir, "touch -d '2001-01-01' f");
	compare(dir);
	run(dir, "echo 2 > f");
	compare(dir);
	run(dir, "git add f");
	compare(dir);
	run(dir, "git commit -qm 2 && git tag light");
	compare(dir);
	run(dir, "git commit -q --allow-empty -m 3 && git commit -q --allow-empty -m 4");
	compare(dir);
	run(dir, "git tag -a -m x v1.0 HEAD~1");
	compare(dir);
	run(dir, "git checkout -q -b feature/x HEAD~2 && git commit -q --allow-empty -m 5");
	compare(dir);
	run(dir, "git merge -q -m 6 main");
	compare(dir);
	run(dir, "chmod +x f");
	compare(dir);
	run(dir, "chmod -x f && rm sub/dir/g");
	compare(dir);
	run(dir, "git checkout -q . && git rm -q --cached sub/dir/g");
	compare(dir);
	setenv("CI_COMMIT_REF_NAME", "Feature/of the pipeline", 1);
	expect(dir, "git.slug", "git symbolic-ref --short HEAD | tr -c 'A-Za-z0-9._\\n' -");
	run(dir, "git reset -q --hard && git checkout -q --detach HEAD~1");
	expect(dir, "git.slug", "echo Feature-of-the-pipeline");
	unsetenv("CI_COMMIT_REF_NAME");
	setenv("GITHUB_REF_NAME", "12/merge", 1);
	expect(dir, "git.slug", "echo 12-merge");
	unsetenv("GITHUB_REF_NAME");
	expect(dir, "git.slug", "echo");
	expect(dir, "git.branch", "echo");
	compare(dir);
	run(dir, "git tag -d light v1.0 && git gc -q");
	compare(dir);
	run(dir, "git config core.abbrev 11");
	compare(dir);
	free(below);
}

static void test_worktree_and_shallow(void **state)
{
	const char *dir = *state;
	char *worktree = path_join(dir, "work"), *shallow = path_join(dir, "shallow"), *tagged = path_join(dir, "tagged");

	run(dir,
	    "git init -q -b main r && cd r && for i in 1 2 3; do echo $i > f && git add . && git commit -qm $i; done");
	run(dir, "git -C r worktree add -q ../work -b other");
	compare(worktree);
	run(dir, "echo x >> work/f");
	compare(worktree);
	run(dir, "git clone -q --depth 1 file://$PWD/r shallow");
	compare(shallow);
	run(dir, "git -C r tag v1 && git clone -q --depth 1 file://$PWD/r tagged");
	compare(tagged);
	free(worktree);
	free(shallow);
	free(tagged);
}

static void test_none(void **state)
{
	const char *dir = *state;
	char *empty = path_join(dir, "empty"), *bare = path_join(dir, "bare"), *corrupt = path_join(dir, "corrupt");

	expect_why(dir, "git.commit", "is not in a git repository");
	run(dir, "git init -q -b trunk empty");
	expect_why(empty, "git.commit", "has no commit yet");
	expect_why(empty, "git.describe", "has no commit yet");
	expect_why(empty, "git.dirty", "has no commit yet");
	expect(empty, "git.branch", "echo trunk");
	expect_why(empty, "git.nonsense", "git knows");
	run(dir, "git init -q --bare bare");
	expect_why(bare, "git.commit", "has no commit yet");
	run(dir,
	    "git init -q src && cd src && git commit -q --allow-empty -m 1 && git push -q ../bare HEAD:$(git -C ../bare symbolic-ref HEAD)");
	expect(bare, "git.commit", "git rev-parse HEAD");
	expect_why(bare, "git.dirty", "is bare");
	expect_why(bare, "git.describe", "is bare");
	run(dir,
	    "git init -q corrupt && cd corrupt && echo 1 > f && git add f && git commit -qm 1 && find .git/objects -type f -exec rm -f {} +");
	expect_why(corrupt, "git.describe", "corrupt");
	expect_why(corrupt, "git.dirty", "corrupt");
	run(dir, "echo garbage > corrupt/.git/HEAD");
	expect_why(corrupt, "git.commit", "corrupt");
	expect_why(corrupt, "git.branch", "corrupt");
	run(dir, "rm -r corrupt/.git && echo 'gitdir: /nowhere' > corrupt/.git");
	expect_why(corrupt, "git.commit", "corrupt");
	free(empty);
	free(bare);
	free(corrupt);
}

static void test_owner(void **state)
{
	const char *dir = *state;

	if (geteuid() != 0)
		skip(); /* giving a folder away takes root */
	run(dir, "git init -q . && git commit -q --allow-empty -m 1 && chown -R 65534:65534 .");
	expect_why(dir, "git.commit", "belongs to another user");
	run(dir, "git config --global --add safe.directory \"$PWD\"");
	compare(dir);
}

static void test_many_objects(void **state)
{
	const char *dir = *state;

	/* more than 16384 objects in a pack: git shows eight digits */
	run(dir, "git init -q . && { echo 'commit refs/heads/master'; echo 'committer a <a@b> 1 +0000'; printf 'data "
		 "0\\n\\n'; "
		 "i=0; while [ $i -lt 17000 ]; do printf 'M 100644 inline d%d/f%d\\ndata %d\\n%d\\n' $((i % 100)) $i "
		 "${#i} $i; i=$((i + 1)); done; } "
		 "| git -c fastimport.unpackLimit=0 fast-import --quiet && git reset -q --hard master");
	compare(dir);
}

static int by_text(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

/* What differs from `ref`, sorted, relative to the folder, in one line. */
static void expect_changed(const char *dir, const char *ref, const char *wanted)
{
	struct git *git = git_new(dir);
	cleanup_buf struct buf got = { 0 };
	char **paths = NULL;
	size_t len = 0;

	assert_int_equal(git_changed(git, ref, &paths, &len, NULL), 0);
	qsort(paths, len, sizeof(*paths), by_text);
	for (size_t i = 0; i < len; i++) {
		const char *relative = path_relative(dir, paths[i]);

		buf_printf(&got, "%s%s", i ? " " : "", relative ? relative : paths[i]);
		free(paths[i]);
	}
	free(paths);
	git_free(git);
	assert_string_equal(got.data ? got.data : "", wanted);
}

static void expect_no_changes(const char *dir, const char *ref, const char *words)
{
	struct git *git = git_new(dir);
	cleanup_error struct error *error = NULL;
	char **paths = NULL;
	size_t len = 0;

	assert_true(git_changed(git, ref, &paths, &len, &error) < 0);
	assert_int_equal(error->cls, ERROR_USAGE);
	if (!strstr(error->message, words))
		fail_msg("%s", error->message);
	git_free(git);
}

static void test_changed(void **state)
{
	char *real = realpath(*state, NULL);
	const char *dir = real;

	run(dir,
	    "git init -q -b main . && mkdir sub && echo 1 > f && echo 1 > sub/g && echo 1 > sub/h && echo '*.o' > .gitignore && git add . && git commit -qm 1 && git tag -a -m x first");
	expect_changed(dir, "HEAD", "");
	run(dir,
	    "touch -d '2001-01-01' f && echo 2 > sub/g && echo 1 > 'new name' && echo 1 > x.o && mkdir d && echo > d/e");
	expect_changed(dir, "HEAD", "d/e new name sub/g");
	run(dir, "git add sub/g && git mv sub/h sub/i && rm f");
	expect_changed(dir, "HEAD", "d/e f new name sub/g sub/h sub/i");
	run(dir, "git add -A && git commit -qm 2");
	expect_changed(dir, "HEAD", "");
	expect_changed(dir, "first", "d/e f new name sub/g sub/h sub/i");
	expect_changed(dir, "HEAD~1", "d/e f new name sub/g sub/h sub/i");
	run(dir, "chmod +x sub/g && rm d/e && rmdir d && ln -s sub d");
	expect_changed(dir, "main", "d d/e sub/g");
	expect_no_changes(dir, "nothing", "git knows no commit \"nothing\"");
	expect_no_changes(dir, "HEAD~7", "HEAD~7");
	expect_no_changes("/", "HEAD", "not in a git repository");
	free(real);
}

/* A pipe in place of something that libgit2 reads, relative to the checkout. */
struct trap {
	const char *plant, *words;
};

static void expect_trap(const char *dir, const struct trap *trap)
{
	cleanup_free char *copy = path_join(dir, "trapped/checkout"), *project = path_join(copy, "sub");
	cleanup_free char *words = mem_printf("%s: is a named pipe", trap->words);

	run(dir, "rm -rf trapped && mkdir trapped && cp -a checkout trapped");
	run(copy, trap->plant);
	expect_why(project, "git.describe", words);
	expect_no_changes(project, "HEAD", words);
}

/* Each would keep libgit2 waiting: the alarm ends that. */
static void test_pipes(void **state)
{
	static const struct trap traps[] = {
		{ "rm -r .git && mkfifo .git", "checkout/.git" },
		{ "rm .git/HEAD && mkfifo .git/HEAD", ".git/HEAD" },
		{ "rm .git/config && mkfifo .git/config", ".git/config" },
		{ "rm .git/index && mkfifo .git/index", ".git/index" },
		{ "mkfifo .git/packed-refs", ".git/packed-refs" },
		{ "mkfifo .git/commondir", ".git/commondir" },
		{ "mkfifo .git/shallow", ".git/shallow" },
		{ "mkfifo .git/refs/tags/v1", ".git/refs/tags/v1" },
		{ "mkfifo pipe && ln -s ../../../pipe .git/refs/tags/v1", ".git/refs/tags/v1" },
		{ "mkfifo .git/info/attributes", ".git/info/attributes" },
		{ "mkfifo .git/objects/info/alternates", "info/alternates" },
		{ "mkdir -p o/info && mkfifo o/info/alternates && echo ../../o >.git/objects/info/alternates",
		  "o/info/alternates" },
		{ "mkfifo .git/objects/pack/pack-1.idx", "pack-1.idx" },
		{ "mv .git real && mkfifo pipe && ln -s pipe .git", "checkout/.git" },
		{ "mv .git real && echo gitdir: real >.git && rm real/HEAD && mkfifo real/HEAD", "real/HEAD" },
		{ "mkfifo commondir && mv .git/* . && rmdir .git", "checkout/commondir" },
		{ "mkfifo pipe && printf '[include]\\n\\tpath = ../pipe\\n' >>.git/config", "../pipe" },
		{ "mkfifo pipe && printf '[InClude] PATH=\\\\\\n\".\"./pi\"pe\" # x\\n' >>.git/config", "../pipe" },
		{ "mkfifo pipe && printf '[includeIf \"gitdir:/\"] path = a\\n' >>.git/config && printf '[include]\\npath=../pipe' >.git/a",
		  "../pipe" },
		{ "mkfifo pipe && printf '[core]\\nexcludesFile = %s/pipe\\n' \"$PWD\" >>.git/config", "/pipe" },
		{ "mkfifo pipe && printf '[core]\\nattributesFile = %s/pipe\\n' \"$PWD\" >>.git/config", "/pipe" },
		{ "mkfifo .gitattributes", "checkout/.gitattributes" },
		{ "mkfifo .gitmodules", "checkout/.gitmodules" },
		{ "mkdir -p a/b && mkfifo a/b/.gitignore", "a/b/.gitignore" },
		{ "git init -q inner && rm inner/.git/HEAD && mkfifo inner/.git/HEAD", "inner/.git/HEAD" },
		{ "git init -q inner && rm inner/.git/config && mkfifo inner/.git/config", "inner/.git/config" },
	};

	run(*state, "git init -q checkout && cd checkout && mkdir sub && echo 1 >sub/f && git add . && git commit -qm 1");
	alarm(300);
	for (size_t i = 0; i < sizeof(traps) / sizeof(traps[0]); i++)
		expect_trap(*state, &traps[i]);
	alarm(0);
}

/* A configuration that would be read without end, and one that has all files of the machine compared. */
static void test_configuration(void **state)
{
	const char *dir = *state;

	run(dir, "git init -q . && echo 1 >f && git add . && git commit -qm 1 && cp .git/config plain");
	run(dir, "printf '[core]\\n\\tabbrev = 12\\n' >more && git config include.path ../more");
	compare(dir);
	run(dir, "for i in 1 2 3; do printf '[include]\\npath = config\\n'; done >>.git/config");
	expect_why(dir, "git.commit", "includes too many files");
	run(dir, "cp plain .git/config && git config core.worktree /");
	expect_why(dir, "git.dirty", "says that its files are in /");
	run(dir,
	    "cp plain .git/config && git config core.fsmonitor 'touch ran; false' && git config filter.x.clean 'touch ran; cat' && "
	    "echo '* filter=x' >.gitattributes && echo 2 >f");
	expect(dir, "git.dirty", "echo true");
	expect_changed(dir, "HEAD", ".gitattributes f more plain");
	run(dir, "test ! -e ran");
}

/* What is unusual but git's own is read as ever: a socket in its folder, pipes in the working tree, a submodule, objects of another
 * repository, a folder elsewhere, behind a link. */
static void test_unusual(void **state)
{
	cleanup_free char *checkout = path_join(*state, "checkout"), *shared = path_join(*state, "shared"),
			  *apart = path_join(*state, "apart"), *linked = path_join(*state, "linked");

	run(*state, "git init -q checkout && cd checkout && echo 1 >f && git add . && git commit -qm 1 && mkfifo pipe");
	run(*state,
	    "git -c protocol.file.allow=always -C checkout submodule --quiet add ../checkout inner && git -C checkout commit -qam 2");
	run(checkout, "python3 -c 'import socket; socket.socket(socket.AF_UNIX).bind(\".git/fsmonitor--daemon.ipc\")'");
	compare(checkout);
	run(checkout, "echo 2 >inner/f");
	compare(checkout);
	run(*state, "git clone -q --shared checkout shared && git clone -q --separate-git-dir=apart.git checkout apart");
	compare(shared);
	compare(apart);
	run(*state, "mkdir linked && cp shared/f linked && ln -s ../shared/.git linked/.git && mkdir linked/inner");
	compare(linked);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
	const struct CMUnitTest tests[] = {
		TEST(test_changed), TEST(test_values),        TEST(test_worktree_and_shallow),
		TEST(test_none),    TEST(test_owner),         TEST(test_many_objects),
		TEST(test_pipes),   TEST(test_configuration), TEST(test_unusual),
	};

	if (system("command -v git >/dev/null") != 0) {
		puts("1..0 # SKIP git is not here");
		return 0;
	}
	return cmocka_run_group_tests(tests, NULL, NULL);
}
