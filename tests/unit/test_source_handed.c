#include "config.h"

#include "tests/unit/world.h"

#include <fcntl.h>
#include <stdio.h>

#include "base/buf.h"
#include "base/xxh3.h"
#include "engine/source/context.h"
#include "engine/source/handed.h"

#define SECONDS 1700000000
#define FILES 500

static void put(const char *path, const char *content, time_t mtime)
{
	const struct timespec times[2] = { { .tv_nsec = UTIME_OMIT }, { .tv_sec = mtime } };
	int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0644);

	assert_true(fd >= 0);
	assert_int_equal(write(fd, content, strlen(content)), (ssize_t)strlen(content));
	assert_int_equal(futimens(fd, times), 0);
	close(fd);
}

/* The name for the folder "tree" as it is now, with a second folder of another name when there is one. */
static char *name_now(void)
{
	static const struct filter all = { .whole = true };
	char *name = mem_alloc(HANDED_NAME + 1);
	cleanup_handed struct handed *handed = handed_new();
	cleanup_free char *tree = path_absolute("tree", NULL), *more = path_absolute("more", NULL);
	struct source *source;
	size_t main_files, more_files = 0;

	ok(source_open("/", NULL, &source, err));
	main_files = source_add(source, tree, &all);
	if (fs_exists(more))
		more_files = source_add(source, more, &all);
	ok(source_scan(source, err));
	handed_add(handed, "", source, main_files);
	if (fs_exists(more))
		handed_add(handed, "more", source, more_files);
	source_free(source);
	if (fs_exists("outputs"))
		ok(handed_add_path(handed, "", ".", "outputs", err));
	ok(handed_name(handed, "handed", tree, name, err));
	assert_int_equal(strlen(name), HANDED_NAME);
	return name;
}

static void same(char **name)
{
	cleanup_free char *now = name_now();

	assert_string_equal(now, *name);
}

static void another(char **name)
{
	char *now = name_now();

	assert_string_not_equal(now, *name);
	free(*name);
	*name = now;
}

static void begin(void)
{
	ok(fs_mkdirs("tree/sub", 0755, err));
	put("tree/file", "one", SECONDS);
	put("tree/sub/deep", "one", SECONDS);
}

static void test_what_can_be_told_apart(void **state)
{
	cleanup_free char *name = NULL;

	(void)state;
	begin();
	name = name_now();
	same(&name);
	put("tree/file", "other size", SECONDS);
	same(&name);
	put("tree/file", "two", SECONDS + 1);
	same(&name);
	put("tree/new", "new", SECONDS);
	same(&name);
	assert_int_equal(unlink("tree/new"), 0);
	same(&name);
}

static void test_what_cannot(void **state)
{
	cleanup_free char *name = NULL;

	(void)state;
	begin();
	name = name_now();
	put("tree/sub/deep", "two", SECONDS);
	another(&name);
	same(&name);
	/* The same content again: what was there in between may be what the builder has. */
	put("tree/sub/deep", "two", SECONDS);
	another(&name);
	/* Another file in its place. */
	put("other", "two", SECONDS);
	assert_int_equal(rename("other", "tree/sub/deep"), 0);
	another(&name);
	same(&name);
}

static void test_mode_of_a_folder(void **state)
{
	cleanup_free char *name = NULL;

	(void)state;
	begin();
	ok(fs_mkdirs("outputs/sub", 0755, err));
	name = name_now();
	assert_int_equal(chmod("tree/sub", 0700), 0);
	another(&name);
	same(&name);
	assert_int_equal(chmod("tree/sub", 0755), 0);
	another(&name);
	assert_int_equal(chmod("outputs", 0700), 0);
	another(&name);
	assert_int_equal(chmod("outputs/sub", 0700), 0);
	another(&name);
	same(&name);
}

/* The builder may have any of the states that it was ever given under a name. */
static void test_an_older_state(void **state)
{
	cleanup_free char *name = NULL;

	(void)state;
	begin();
	name = name_now();
	put("tree/file", "longer", SECONDS);
	same(&name);
	put("tree/file", "two", SECONDS);
	another(&name);
}

static void test_further_folders(void **state)
{
	cleanup_handed struct handed *handed = handed_new();
	cleanup_free char *name = NULL;
	struct error *why = NULL;

	(void)state;
	begin();
	ok(fs_mkdirs("more", 0755, err));
	put("more/file", "two", SECONDS);
	name = name_now(); /* "file" of the one is not "file" of the other */
	same(&name);
	put("more/file", "six", SECONDS);
	another(&name);
	put("outputs", "one", SECONDS);
	same(&name);
	put("outputs", "two", SECONDS);
	another(&name);
	assert_int_equal(unlink("outputs"), 0);
	ok(fs_mkdirs("outputs/sub", 0755, err));
	put("outputs/sub/file", "one", SECONDS);
	same(&name);
	put("outputs/sub/file", "two", SECONDS);
	another(&name);
	assert_int_equal(rename("outputs", "elsewhere"), 0);
	assert_int_equal(handed_add_path(handed, "", ".", "outputs", &why), -1);
	assert_int_equal(why->cls, ERROR_USAGE);
	assert_non_null(strstr(why->message, "outputs"));
	error_free(why);
}

/* The path of the one file in "handed" that is not the lock. */
static char *memory(void)
{
	char hex[HASH_HEX + 1];
	cleanup_free char *tree = path_absolute("tree", NULL);

	hash_hex(hash_bytes(tree, strlen(tree)), hex);
	return path_join("handed", hex);
}

static void test_what_is_lost(void **state)
{
	cleanup_free char *name = NULL, *path = memory();
	cleanup_buf struct buf file = { 0 };
	struct error *why = NULL;
	char other[HANDED_NAME + 1];
	cleanup_handed struct handed *handed = handed_new();

	(void)state;
	begin();
	name = name_now();
	ok(fs_read(path, 1 << 20, &file, err));
	for (size_t i = 0; i < file.len; i += 15) { /* each part of it */
		file.data[i] = (char)(file.data[i] ^ 4);
		ok(fs_replace(path, file.data, file.len, 0644, err));
		another(&name);
		file.data[i] = (char)(file.data[i] ^ 4);
	}
	for (size_t len = 0; len < file.len; len += 37) {
		ok(fs_replace(path, file.data, len, 0644, err));
		another(&name);
	}
	assert_int_equal(unlink(path), 0);
	another(&name);
	assert_int_equal(handed_name(handed, "/proc/nonsuch", "/", other, &why), -1);
	assert_int_equal(why->cls, ERROR_STATE);
	error_free(why);
}

/* What is remembered does not grow for ever: then everything is handed over once more. */
static void test_bound(void **state)
{
	cleanup_free char *tree = path_absolute("tree", NULL), *path = memory();
	char name[HANDED_NAME + 1], last[HANDED_NAME + 1] = "";
	struct stat st;
	off_t largest = 0;
	int names = 0;

	(void)state;
	ok(fs_mkdirs("tree", 0755, err));
	for (int round = 0; round < 40; round++) {
		cleanup_handed struct handed *handed = handed_new();

		for (int i = 0; i < FILES; i++) {
			cleanup_free char *file = mem_printf("tree/%d", i);

			put(file, "one", SECONDS + round);
		}
		ok(handed_add_path(handed, "", ".", "tree", err));
		ok(handed_name(handed, "handed", tree, name, err));
		names += strcmp(name, last) != 0;
		memcpy(last, name, sizeof(last));
		assert_int_equal(stat(path, &st), 0);
		largest = st.st_size > largest ? st.st_size : largest;
	}
	assert_int_equal(names, 3);
	assert_true(largest < (off_t)FILES * 20 * 32);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_what_can_be_told_apart),
		TEST(test_what_cannot),
		TEST(test_an_older_state),
		TEST(test_mode_of_a_folder),
		TEST(test_further_folders),
		TEST(test_what_is_lost),
		TEST(test_bound),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
