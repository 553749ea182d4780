#include "config.h"

#include "tests/unit/world.h"

#include <fcntl.h>
#include <sys/xattr.h>

#include "base/buf.h"
#include "base/copy.h"
#include "base/xattr.h"

static void put(const char *path, const char *content, mode_t mode)
{
	const struct timespec times[2] = { { .tv_sec = 1 }, { .tv_sec = 1700000000, .tv_nsec = 123456789 } };
	int fd = open(path, O_WRONLY | O_CREAT | O_EXCL, 0600);

	assert_true(fd >= 0);
	assert_int_equal(write(fd, content, strlen(content)), (ssize_t)strlen(content));
	assert_int_equal(fchmod(fd, mode), 0);
	assert_int_equal(futimens(fd, times), 0);
	close(fd);
}

static void expect(const char *path, const char *content, mode_t mode)
{
	cleanup_buf struct buf text = { 0 };
	struct stat st;

	assert_int_equal(stat(path, &st), 0);
	assert_int_equal(st.st_mode & 07777, mode);
	if (!content)
		return;
	buf_str(&text, "");
	ok(fs_read(path, 1 << 26, &text, err));
	assert_string_equal(text.data, content);
	assert_int_equal(st.st_mtim.tv_sec, 1700000000);
	assert_int_equal(st.st_mtim.tv_nsec, 123456789);
}

static void test_tree(void **state)
{
	char text[16] = "";

	(void)state;
	ok(fs_mkdirs("from/sub/empty", 0755, err));
	put("from/file", "one", 0640);
	put("from/sub/tool", "two", 04755);
	put("from/nothing", "", 0400);
	assert_int_equal(symlink("/nonsuch", "from/sub/link"), 0);
	assert_int_equal(chmod("from/sub", 0555), 0);
	ok(copy_tree("from", "to", err));
	expect("to/file", "one", 0640);
	expect("to/sub/tool", "two", 04755);
	expect("to/nothing", "", 0400);
	expect("to/sub", NULL, 0555);
	expect("to/sub/empty", NULL, 0755);
	assert_int_equal(readlink("to/sub/link", text, sizeof(text) - 1), 8);
	assert_string_equal(text, "/nonsuch");
}

static void test_large(void **state)
{
	cleanup_buf struct buf large = { 0 };

	(void)state;
	for (int i = 0; i < 200000; i++)
		buf_printf(&large, "%d ", i);
	put("large", large.data, 0644);
	ok(copy_file("large", "copy", err));
	expect("copy", large.data, 0644);
}

/* Names that no builder carries are left where they are. */
static void test_attributes(void **state)
{
	cleanup_buf struct buf attributes = { 0 };
	char value[8] = "";
	int fd;

	(void)state;
	put("file", "one", 0644);
	put("bare", "one", 0644);
	assert_int_equal(setxattr("file", "user.b", "2", 1, 0), 0);
	assert_int_equal(setxattr("file", "user.a", "1", 1, 0), 0);
	ok(copy_file("file", "copy", err));
	assert_int_equal(getxattr("copy", "user.a", value, sizeof(value)), 1);
	assert_string_equal(value, "1");
	fd = open("copy", O_RDONLY | O_CLOEXEC);
	ok(xattr_collect(fd, "copy", &attributes, err));
	close(fd);
	assert_int_equal(attributes.len, 2 * (sizeof("user.a") + sizeof(uint64_t) + 1));
	assert_string_equal(attributes.data, "user.a");
	assert_int_equal(mkdir("folder", 0755), 0);
	assert_int_equal(setxattr("folder", "user.a", "1", 1, 0), 0);
	ok(copy_tree("folder", "twin", err));
	assert_int_equal(getxattr("twin", "user.a", value, sizeof(value)), 1);
	buf_reset(&attributes);
	fd = open("bare", O_RDONLY | O_CLOEXEC);
	ok(xattr_collect(fd, "bare", &attributes, err));
	close(fd);
	assert_int_equal(attributes.len, 0);
}

static void test_errors(void **state)
{
	(void)state;
	put("file", "one", 0644);
	put("there", "old", 0644);
	assert_int_equal(symlink("file", "link"), 0);
	assert_int_equal(mkfifo("pipe", 0644), 0);
	refused(copy_file("file", "there", err), "there");
	expect("there", "old", 0644);
	refused(copy_file("link", "new", err), "link");
	refused(copy_tree("pipe", "new", err), "pipe");
	refused(copy_tree("nonsuch", "new", err), "nonsuch");
	refused(copy_file("file", "nonsuch/new", err), "nonsuch/new");
	ok(fs_mkdirs("folder", 0755, err));
	refused(copy_tree("folder", "there", err), "there");
	assert_false(fs_exists("new"));
}

int main(void)
{
	const struct CMUnitTest tests[] = { TEST(test_tree), TEST(test_large), TEST(test_attributes), TEST(test_errors) };

	return cmocka_run_group_tests(tests, NULL, NULL);
}
