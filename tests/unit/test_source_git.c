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
#include "base/fs.h"
#include "base/mem.h"
#include "engine/source/git.h"

static int setup(void **state)
{
	char template[] = "/tmp/cbuild-git-XXXXXX";

	if (!mkdtemp(template))
		return -1;
	/* nothing of the user's own settings, the same times for all commits */
	setenv("HOME", template, 1);
	setenv("GIT_CONFIG_NOSYSTEM", "1", 1);
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

	assert_null(git_value(git, name, &why));
	assert_non_null(why);
	if (!strstr(why, words))
		fail_msg("%s", why);
	git_free(git);
}

static void test_values(void **state)
{
	const char *dir = *state;
	char *below = path_join(dir, "sub/dir");

	run(dir, "git init -q -b main . && mkdir -p sub/dir && echo 1 > f && echo 1 > sub/dir/g && git add . && git "
		 "commit -qm 1");
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
	run(dir, "git reset -q --hard && git checkout -q --detach HEAD~1");
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

	run(dir, "git init -q -b main r && cd r && for i in 1 2 3; do echo $i > f && git add . && git commit -qm $i; "
		 "done");
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
	run(dir, "git init -q src && cd src && git commit -q --allow-empty -m 1 && git push -q ../bare HEAD:$(git -C "
		 "../bare symbolic-ref HEAD)");
	expect(bare, "git.commit", "git rev-parse HEAD");
	expect_why(bare, "git.dirty", "is bare");
	expect_why(bare, "git.describe", "is bare");
	run(dir, "git init -q corrupt && cd corrupt && echo 1 > f && git add f && git commit -qm 1 && find "
		 ".git/objects -type f -exec rm -f {} +");
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

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
	const struct CMUnitTest tests[] = {
		TEST(test_values), TEST(test_worktree_and_shallow), TEST(test_none),
		TEST(test_owner),  TEST(test_many_objects),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
