#include "config.h"

#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/error.h"
#include "base/fs.h"
#include "base/mem.h"

#define NOBODY 65534

/* Every test has a folder of its own, which is the working directory while it runs. */
static int enter(void **state)
{
	char *dir = mem_strdup("/tmp/test-base-XXXXXX");

	if (!mkdtemp(dir) || chmod(dir, 0777) < 0 || chdir(dir) < 0)
		return -1;
	*state = dir;
	return 0;
}

static int leave(void **state)
{
	char *dir = *state;
	int result = chdir("/") < 0 ? -1 : fs_remove_tree(dir, NULL);

	free(dir);
	return result;
}

static void put(const char *path, const char *text)
{
	int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);

	assert_true(fd >= 0);
	assert_int_equal(fs_write_all(fd, text, strlen(text), path, NULL), 0);
	close(fd);
}

static void assert_holds(const char *path, const char *want)
{
	cleanup_buf struct buf buf = { 0 };

	assert_int_equal(fs_read(path, 1 << 20, &buf, NULL), 0);
	assert_string_equal(buf.data, want);
}

static void test_read(void **state)
{
	cleanup_error struct error *err = NULL;
	cleanup_buf struct buf buf = { 0 };

	(void)state;
	put("a", "hello");
	buf_str(&buf, "> ");
	assert_int_equal(fs_read("a", 5, &buf, NULL), 0);
	assert_string_equal(buf.data, "> hello");
	assert_true(fs_read("a", 4, &buf, &err) < 0);
	assert_string_equal(err->message, "a: longer than 4 bytes");
	assert_int_equal(err->cls, ERROR_STATE);
	assert_string_equal(buf.data, "> hello"); /* untouched */
	error_free(steal_ptr(err));
	assert_true(fs_read(".", 4, &buf, &err) < 0);
	assert_string_equal(err->message, ".: cannot read: Is a directory");
}

/* Nobody writes into the first pipe: it would be waited for without end. */
static void test_read_pipe(void **state)
{
	cleanup_error struct error *err = NULL;
	cleanup_free char *name = NULL;
	cleanup_buf struct buf buf = { 0 };
	bool found;
	int ends[2];

	(void)state;
	assert_int_equal(mkfifo("pipe", 0600), 0);
	assert_true(fs_read("pipe", 10, &buf, &err) < 0);
	assert_string_equal(err->message, "pipe: is a named pipe, not a file");
	assert_true(fs_read_if("pipe", 10, &buf, &found, NULL) < 0);
	assert_int_equal(pipe(ends), 0);
	assert_int_equal(fs_write_all(ends[1], "hello", 5, "a pipe", NULL), 0);
	close(ends[1]);
	name = mem_printf("/dev/fd/%d", ends[0]);
	assert_int_equal(fs_read(name, 10, &buf, NULL), 0);
	assert_string_equal(buf.data, "hello");
	close(ends[0]);
}

static void test_read_large(void **state)
{
	cleanup_buf struct buf big = { 0 };
	cleanup_buf struct buf buf = { 0 };

	(void)state;
	for (int i = 0; i < 50000; i++)
		buf_printf(&big, "%d\n", i);
	put("big", big.data);
	assert_int_equal(fs_read("big", UINT64_MAX, &buf, NULL), 0);
	assert_int_equal(buf.len, big.len);
	assert_memory_equal(buf.data, big.data, big.len);
	/* A file of the kernel's, which says that it is empty. */
	buf_reset(&buf);
	assert_int_equal(fs_read("/proc/self/status", 1 << 20, &buf, NULL), 0);
	assert_true(buf.len > 100);
}

static void test_read_if(void **state)
{
	cleanup_error struct error *err = NULL;
	cleanup_buf struct buf buf = { 0 };
	bool found = true;

	(void)state;
	assert_int_equal(fs_read_if("none", 10, &buf, &found, NULL), 0);
	assert_false(found);
	put("a", "x");
	assert_int_equal(fs_read_if("a", 10, &buf, &found, NULL), 0);
	assert_true(found);
	assert_string_equal(buf.data, "x");
	assert_true(fs_read("none", 10, &buf, &err) < 0);
	assert_string_equal(err->message, "none: cannot open: No such file or directory");
}

static void test_write_fails(void **state)
{
	cleanup_error struct error *err = NULL;
	cleanup_fd int fd = open("/dev/full", O_WRONLY | O_CLOEXEC);

	(void)state;
	assert_true(fs_write_all(fd, "x", 1, "the log", &err) < 0);
	assert_string_equal(err->message, "the log: cannot write: No space left on device");
}

static void test_replace(void **state)
{
	struct stat st;

	(void)state;
	put("a", "old");
	assert_int_equal(fs_replace("a", "new", 3, 0600, NULL), 0);
	assert_holds("a", "new");
	assert_int_equal(stat("a", &st), 0);
	assert_int_equal(st.st_mode & 07777, 0600);
	assert_int_equal(mkdir("d", 0755), 0);
	assert_int_equal(fs_replace("d/b", "", 0, 0644, NULL), 0);
	assert_holds("d/b", "");
	/* No temporary file is left: the folder can be removed. */
	assert_int_equal(unlink("d/b"), 0);
	assert_int_equal(rmdir("d"), 0);
}

static void test_replace_fails(void **state)
{
	cleanup_error struct error *err = NULL;

	(void)state;
	assert_int_equal(mkdir("d", 0755), 0);
	assert_int_equal(mkdir("d/full", 0755), 0);
	put("d/full/x", "old");
	assert_true(fs_replace("d/full", "new", 3, 0644, &err) < 0); /* a folder is not replaced */
	assert_int_equal(err->cls, ERROR_STATE);
	assert_non_null(strstr(err->message, "d/full"));
	assert_holds("d/full/x", "old");
	assert_int_equal(unlink("d/full/x"), 0);
	assert_int_equal(rmdir("d/full"), 0);
	assert_int_equal(rmdir("d"), 0); /* nothing temporary in it */
	assert_true(fs_replace("none/a", "x", 1, 0644, NULL) < 0);
	assert_true(fs_sync_dir("none", NULL) < 0);
	assert_int_equal(fs_sync_dir(".", NULL), 0);
}

static void test_mkdirs(void **state)
{
	cleanup_error struct error *err = NULL;
	struct stat st;

	(void)state;
	assert_int_equal(fs_mkdirs("a/b//c/", 0700, NULL), 0);
	assert_int_equal(fs_mkdirs("a/b/c", 0700, NULL), 0);
	assert_int_equal(stat("a/b/c", &st), 0);
	assert_int_equal(st.st_mode & 07777, 0700);
	assert_int_equal(fs_mkdirs("/", 0700, NULL), 0);
	assert_int_equal(fs_mkdirs("r/x/y", 0500, NULL), 0);
	put("file", "");
	assert_true(fs_mkdirs("file/x", 0700, &err) < 0);
	assert_string_equal(err->message, "file: cannot create the folder: Not a directory");
}

static void test_remove_tree(void **state)
{
	cleanup_error struct error *err = NULL;

	(void)state;
	assert_int_equal(fs_remove_tree("none", NULL), 0);
	assert_int_equal(fs_mkdirs("keep", 0755, NULL), 0);
	put("keep/x", "kept");
	assert_int_equal(fs_mkdirs("t/a/b", 0755, NULL), 0);
	assert_int_equal(fs_mkdirs("t/c", 0755, NULL), 0);
	put("t/a/b/f", "");
	put("t/f", "");
	assert_int_equal(symlink("../../keep", "t/a/link"), 0);
	assert_int_equal(mkfifo("t/fifo", 0600), 0);
	assert_int_equal(fs_remove_tree("t/", NULL), 0);
	assert_false(fs_exists("t"));
	assert_int_equal(symlink("keep", "link"), 0);
	assert_int_equal(fs_remove_tree("link/", NULL), 0);
	assert_false(fs_exists("link"));
	assert_holds("keep/x", "kept");
	assert_int_equal(fs_remove_tree("keep/x", NULL), 0);
	assert_false(fs_exists("keep/x"));
	assert_true(fs_remove_tree("/", &err) < 0);
	assert_true(fs_remove_tree("", NULL) < 0);
	assert_true(fs_remove_tree("keep/..", NULL) < 0);
	assert_true(fs_exists("keep"));
	assert_int_equal(err->cls, ERROR_INTERNAL);
}

/* Deeper than a path can be long, and than there are descriptors. */
static void test_remove_deep_tree(void **state)
{
	(void)state;
	assert_int_equal(mkdir("deep", 0755), 0);
	assert_int_equal(chdir("deep"), 0);
	for (int i = 0; i < 3000; i++) {
		assert_int_equal(mkdir("dir", 0755), 0);
		put("file", "");
		assert_int_equal(chdir("dir"), 0);
	}
	assert_int_equal(chdir(*state), 0);
	assert_int_equal(fs_remove_tree("deep", NULL), 0);
	assert_false(fs_exists("deep"));
}

static int remove_closed_folders(void)
{
	if (getuid() == 0 && (setgid(NOBODY) < 0 || setuid(NOBODY) < 0))
		return 1;
	if (fs_mkdirs("t/closed/inner", 0755, NULL) < 0 || fs_mkdirs("t/fixed/inner", 0755, NULL) < 0)
		return 2;
	if (fs_replace("t/closed/inner/f", "", 0, 0, NULL) < 0 || fs_replace("t/fixed/f", "", 0, 0, NULL) < 0)
		return 3;
	if (chmod("t/closed/inner", 0) < 0 || chmod("t/closed", 0) < 0 || chmod("t/fixed", 0500) < 0 ||
	    chmod("t/fixed/inner", 0300) < 0 || chmod("t", 0400) < 0)
		return 4;
	if (fs_remove_tree("t", NULL) < 0)
		return 5;
	return fs_exists("t") ? 6 : 0;
}

static void test_remove_closed_folders(void **state)
{
	int status = 0;
	pid_t pid = fork();

	(void)state;
	if (pid == 0)
		_exit(remove_closed_folders());
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFEXITED(status));
	assert_int_equal(WEXITSTATUS(status), 0);
}

static int remove_what_is_not_ours(void)
{
	cleanup_error struct error *err = NULL;

	if (getuid() == 0 && (setgid(NOBODY) < 0 || setuid(NOBODY) < 0))
		return 1;
	if (fs_remove_tree("/proc/self/task", &err) == 0)
		return 2;
	return err->cls == ERROR_STATE && strstr(err->message, "/proc/self/task") ? 0 : 3;
}

static void test_remove_fails(void **state)
{
	int status = 0;
	pid_t pid = fork();

	(void)state;
	if (pid == 0)
		_exit(remove_what_is_not_ours());
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(WEXITSTATUS(status), 0);
}

static void test_usage(void **state)
{
	cleanup_free char *bytes = mem_alloc(1 << 20);
	uint64_t before;
	uint64_t with_file;

	(void)state;
	memset(bytes, 'x', (1 << 20) - 1);
	assert_int_equal(fs_mkdirs("u/a", 0755, NULL), 0);
	before = fs_usage("u");
	assert_int_equal(fs_replace("u/a/f", bytes, (1 << 20) - 1, 0644, NULL), 0);
	with_file = fs_usage("u");
	assert_true(with_file >= before + (1 << 20) - 4096);
	assert_int_equal(link("u/a/f", "u/again"), 0); /* the same bytes once more */
	assert_true(fs_usage("u") < with_file + (1 << 20) / 2);
	assert_int_equal(symlink("/", "u/link"), 0);
	assert_true(fs_usage("u") < with_file + (1 << 20) / 2);
	assert_int_equal(fs_usage("none"), 0);
}

static void test_lock(void **state)
{
	int first = -1;
	int second = -1;

	(void)state;
	assert_int_equal(fs_lock("lock", false, &first, NULL), 0);
	assert_true(first >= 0);
	assert_true(fcntl(first, F_GETFD) & FD_CLOEXEC);
	second = 99;
	assert_int_equal(fs_lock("lock", false, &second, NULL), 0);
	assert_int_equal(second, -1);
	close(first);
	assert_int_equal(fs_lock("lock", false, &second, NULL), 0);
	assert_true(second >= 0);
	/* The file is removed: a lock on the old one keeps nobody out. */
	assert_int_equal(unlink("lock"), 0);
	assert_int_equal(fs_lock("lock", false, &first, NULL), 0);
	assert_true(first >= 0);
	close(first);
	close(second);
	assert_true(fs_lock("none/lock", true, &first, NULL) < 0);
	assert_int_equal(symlink("elsewhere", "link"), 0);
	assert_true(fs_lock("link", false, &first, NULL) < 0);
	assert_false(fs_exists("elsewhere"));
}

/* What somebody has put where a program has its own files. */
static void test_links_in_own_folders(void **state)
{
	cleanup_error struct error *err = NULL;
	cleanup_fd int here = open(".", O_RDONLY | O_DIRECTORY | O_CLOEXEC), folder = -1, log = -1;
	int fd = -1;
	DIR *dir;

	(void)state;
	put("kept", "kept");
	assert_int_equal(fs_folder_at(here, "own", 0755, "own", &folder, NULL), 0);
	assert_int_equal(fs_append_at(folder, "log", 0644, "own/log", &log, NULL), 0);
	assert_int_equal(write(log, "one", 3), 3);
	close(log);
	assert_int_equal(fs_append_at(folder, "log", 0644, "own/log", &log, NULL), 0);
	assert_int_equal(write(log, "two", 3), 3);
	assert_holds("own/log", "onetwo");
	assert_int_equal(symlink("own", "link"), 0);
	assert_int_equal(symlink("../kept", "own/link"), 0);
	assert_int_equal(mkfifo("own/pipe", 0600), 0);
	assert_int_equal(fs_refuse_link("own", NULL), 0);
	assert_int_equal(fs_refuse_link("none", NULL), 0);
	assert_true(fs_refuse_link("link", &err) < 0);
	assert_int_equal(err->cls, ERROR_STATE);
	assert_true(fs_folder_at(here, "link", 0755, "link", &fd, NULL) < 0);
	assert_true(fs_folder_at(here, "kept", 0755, "kept", &fd, NULL) < 0);
	assert_true(fs_append_at(folder, "link", 0644, "own/link", &fd, NULL) < 0);
	assert_true(fs_append_at(folder, "pipe", 0644, "own/pipe", &fd, NULL) < 0);
	assert_holds("kept", "kept");
	assert_null(fs_opendir("link"));
	dir = fs_opendir("own");
	assert_non_null(dir);
	closedir(dir);
}

/* A waiter gets a lock whose file was replaced while it waited: it must lock the new file. */
static void test_lock_waits_for_the_file_at_the_path(void **state)
{
	int ready[2];
	int held = -1;
	int status = 0;
	int fd = -1;
	pid_t pid;

	(void)state;
	assert_int_equal(fs_lock("lock", true, &held, NULL), 0);
	assert_int_equal(pipe2(ready, O_CLOEXEC), 0);
	pid = fork();
	if (pid == 0) {
		int got = -1;
		struct stat ours, now;

		close(held);
		if (write(ready[1], "x", 1) != 1 || fs_lock("lock", true, &got, NULL) < 0)
			_exit(1);
		_exit(fstat(got, &ours) == 0 && stat("lock", &now) == 0 && ours.st_ino == now.st_ino ? 0 : 2);
	}
	assert_int_equal(read(ready[0], &(char){ 0 }, 1), 1);
	assert_int_equal(unlink("lock"), 0);
	/* Whether the child waits on the old file or has not opened one yet, the new one is what counts. */
	put("lock", "");
	close(held);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(WEXITSTATUS(status), 0);
	assert_int_equal(fs_lock("lock", false, &fd, NULL), 0);
	assert_true(fd >= 0); /* freed by the end of its holder */
	close(fd);
	close(ready[0]);
	close(ready[1]);
}

static void test_path_clean(void **state)
{
	/* Go's path.Clean tests. */
	static const char *const pairs[][2] = {
		{ "", "." },
		{ "abc", "abc" },
		{ "abc/def", "abc/def" },
		{ ".", "." },
		{ "..", ".." },
		{ "../..", "../.." },
		{ "../../abc", "../../abc" },
		{ "/abc", "/abc" },
		{ "/", "/" },
		{ "abc/", "abc" },
		{ "abc/def/", "abc/def" },
		{ "./", "." },
		{ "../", ".." },
		{ "../../", "../.." },
		{ "/abc/", "/abc" },
		{ "abc//def//ghi", "abc/def/ghi" },
		{ "//abc", "/abc" },
		{ "///abc", "/abc" },
		{ "//abc//", "/abc" },
		{ "abc//", "abc" },
		{ "abc/./def", "abc/def" },
		{ "/./abc/def", "/abc/def" },
		{ "abc/.", "abc" },
		{ "abc/def/ghi/../jkl", "abc/def/jkl" },
		{ "abc/def/../ghi/../jkl", "abc/jkl" },
		{ "abc/def/..", "abc" },
		{ "abc/def/../..", "." },
		{ "/abc/def/../..", "/" },
		{ "abc/def/../../..", ".." },
		{ "/abc/def/../../..", "/" },
		{ "abc/def/../../../ghi/jkl/../../../mno", "../../mno" },
		{ "abc/./../def", "def" },
		{ "abc//./../def", "def" },
		{ "abc/../../././../def", "../../def" },
		{ "...", "..." },
		{ "a/..b", "a/..b" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(pairs) / sizeof(pairs[0]); i++) {
		cleanup_free char *clean = path_clean(pairs[i][0]);

		if (strcmp(clean, pairs[i][1]) != 0)
			fail_msg("'%s' became '%s', not '%s'", pairs[i][0], clean, pairs[i][1]);
	}
}

static void assert_taken(char *got, const char *want)
{
	assert_string_equal(got, want);
	free(got);
}

static void test_path_parts(void **state)
{
	cleanup_free char *here = getcwd(NULL, 0);
	cleanup_free char *below = mem_printf("%s/b", here);

	(void)state;
	assert_taken(path_join("a", "b"), "a/b");
	assert_taken(path_join("a/", "b"), "a/b");
	assert_taken(path_join("/", "b"), "/b");
	assert_taken(path_join("a", "/b"), "/b");
	assert_taken(path_join("", "b"), "b");
	assert_taken(path_join("a", ""), "a");
	assert_taken(path_dir("a/b"), "a");
	assert_taken(path_dir("/a"), "/");
	assert_taken(path_dir("a"), ".");
	assert_taken(path_dir("a/b/"), "a/b");
	assert_taken(path_dir(""), ".");
	assert_string_equal(path_base("a/b"), "b");
	assert_string_equal(path_base("b"), "b");
	assert_string_equal(path_base("a/"), "");
	assert_taken(path_absolute("/a/../b", NULL), "/b");
	assert_taken(path_absolute("./a/../b", NULL), below);
}

static void assert_relative(const char *dir, const char *path, const char *want)
{
	const char *got = path_relative(dir, path);

	assert_int_equal(path_inside(dir, path), want != NULL);
	if (!want)
		assert_null(got);
	else
		assert_string_equal(got, want);
}

static void test_path_inside(void **state)
{
	(void)state;
	assert_relative("/a", "/a", ".");
	assert_relative("/a", "/a/b/c", "b/c");
	assert_relative("/a", "/ab", NULL);
	assert_relative("/a/b", "/a", NULL);
	assert_relative("/", "/a", "a");
	assert_relative("/", "/", ".");
	assert_relative(".", "a/b", "a/b");
	assert_relative(".", "..", NULL);
	assert_relative(".", "../a", NULL);
	assert_relative(".", "..a", "..a");
	assert_relative(".", "/a", NULL);
	assert_relative("..", "../a", "a");
	assert_relative("..", "../..", NULL);
	assert_relative("a", "b", NULL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_read, enter, leave),
		cmocka_unit_test_setup_teardown(test_read_pipe, enter, leave),
		cmocka_unit_test_setup_teardown(test_read_large, enter, leave),
		cmocka_unit_test_setup_teardown(test_read_if, enter, leave),
		cmocka_unit_test_setup_teardown(test_write_fails, enter, leave),
		cmocka_unit_test_setup_teardown(test_replace, enter, leave),
		cmocka_unit_test_setup_teardown(test_replace_fails, enter, leave),
		cmocka_unit_test_setup_teardown(test_mkdirs, enter, leave),
		cmocka_unit_test_setup_teardown(test_remove_tree, enter, leave),
		cmocka_unit_test_setup_teardown(test_remove_deep_tree, enter, leave),
		cmocka_unit_test_setup_teardown(test_remove_closed_folders, enter, leave),
		cmocka_unit_test_setup_teardown(test_remove_fails, enter, leave),
		cmocka_unit_test_setup_teardown(test_usage, enter, leave),
		cmocka_unit_test_setup_teardown(test_lock, enter, leave),
		cmocka_unit_test_setup_teardown(test_links_in_own_folders, enter, leave),
		cmocka_unit_test_setup_teardown(test_lock_waits_for_the_file_at_the_path, enter, leave),
		cmocka_unit_test(test_path_clean),
		cmocka_unit_test_setup_teardown(test_path_parts, enter, leave),
		cmocka_unit_test(test_path_inside),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
