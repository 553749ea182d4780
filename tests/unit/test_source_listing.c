#include "config.h"

#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

#include "base/buf.h"
#include "engine/source/ignore.h"
#include "tests/unit/source_world.h"

/* Folders that have not changed are not read again: their names come from the stat index. */

/* The entries of the world's folder, one a line with all that counts, with or without the index. */
static char *entries_of(const struct world *world, const struct filter *filter, bool index, bool save)
{
	struct source *source = NULL;
	struct buf out = { 0 };
	size_t len;

	assert_int_equal(source_open(world->dir, index ? world->index : NULL, &source, NULL), 0);
	source_clock(source, time(NULL) + LATER);
	source_add(source, world->dir, filter);
	scan(source);
	buf_str(&out, "");
	for (size_t i = 0; source_entries(source, 0, &len) && i < len; i++) {
		const struct source_entry *entry = &source_entries(source, 0, &len)[i];

		buf_printf(&out, "%s %c %o %llu %s %llx\n", entry->path, entry->type, (unsigned)entry->mode,
			   (unsigned long long)entry->size, entry->link ? entry->link : "",
			   (unsigned long long)entry->digest.lo);
	}
	if (save)
		assert_int_equal(source_save(source, NULL), 0);
	source_free(source);
	return buf_steal(&out);
}

/* What the index makes of the folder is what is there. */
static void compare(const struct world *world, const struct filter *filter, bool save)
{
	char *real = entries_of(world, filter, false, false), *found = entries_of(world, filter, true, save);

	assert_string_equal(found, real);
	free(real);
	free(found);
}

static void learn(const struct world *world, const struct filter *filter)
{
	free(entries_of(world, filter, true, true));
	tick(world);
}

/* Gives a name in the index another one of the same length, to see whether the index is asked for it. */
static void rename_in_index(const struct world *world, const char *name, const char *other)
{
	struct buf file = { 0 };
	struct hash128 sum;
	char *found;

	assert_int_equal(fs_read(world->index, 1 << 20, &file, NULL), 0);
	found = memmem(file.data, file.len, name, strlen(name) + 1);
	assert_non_null(found);
	memcpy(found, other, strlen(other));
	sum = hash_bytes(file.data + 24, file.len - 24);
	memcpy(file.data + 8, &sum, sizeof(sum));
	assert_int_equal(fs_replace(world->index, file.data, file.len, 0644, NULL), 0);
	buf_free(&file);
}

static void drop(const struct world *world, const char *name)
{
	char *path = at(world, name);

	assert_int_equal(fs_remove_tree(path, NULL), 0);
	free(path);
}

static bool sees(const struct world *world, const char *name, int64_t ahead)
{
	struct source *source = begin(world, ahead);
	bool seen = false;
	size_t len;

	source_add(source, world->dir, &whole);
	scan(source);
	for (size_t i = 0; source_entries(source, 0, &len) && i < len; i++)
		seen |= strcmp(source_entries(source, 0, &len)[i].path, name) == 0;
	source_free(source);
	return seen;
}

static bool times_tell(const struct world *world)
{
	cleanup_fd int fd = open(world->dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	assert_true(fd >= 0);
	return fs_dates_folders(fd);
}

static void test_not_read(void **state)
{
	struct world *world = *state;
	char *folder = at(world, "d/e");

	if (!times_tell(world))
		skip();
	put(world, "d/e/one", "1");
	put(world, "d/e/two", "2");
	learn(world, &whole);
	assert_true(sees(world, "d/e/one", LATER));
	rename_in_index(world, "one", "xxx");
	assert_false(sees(world, "d/e/one", LATER)); /* the index was asked */
	assert_true(sees(world, "d/e/one", -LATER)); /* a time in the future may come again */
	assert_int_equal(chmod(folder, 0700), 0);
	assert_true(sees(world, "d/e/one", LATER));
	free(folder);
}

/* What is younger than two seconds may change once more within the same tick of a coarse clock. */
static void test_young(void **state)
{
	struct world *world = *state;
	struct source *source;

	put(world, "d/e/one", "1");
	put(world, "d/e/two", "2");
	learn(world, &whole);
	drop(world, "d/e/two");
	source = begin(world, 0);
	source_add(source, world->dir, &whole);
	scan(source);
	assert_int_equal(source_save(source, NULL), 0); /* two is forgotten */
	source_free(source);
	rename_in_index(world, "one", "xxx");
	assert_true(sees(world, "d/e/one", LATER));
}

/* The index is complete, and stays so: it is written once. */
static void test_settles(void **state)
{
	struct world *world = *state;
	struct ignore *ignore = NULL;
	struct filter ignoring = { .whole = true };
	struct stat first, second;
	char *link = at(world, "link");

	put(world, "d/e/one", "1");
	put(world, "d/skip/two", "2");
	put(world, "skip", "3");
	assert_int_equal(symlink("nowhere", link), 0);
	assert_int_equal(ignore_parse("**/skip", 7, "x", &ignore, NULL), 0);
	ignoring.ignore = ignore;
	learn(world, &ignoring);
	assert_int_equal(stat(world->index, &first), 0);
	learn(world, &ignoring);
	assert_int_equal(stat(world->index, &second), 0);
	assert_int_equal(first.st_ino, second.st_ino);
	compare(world, &whole, true); /* what was ignored is found, in folders that are not read again */
	ignore_free(ignore);
	free(link);
}

/* ---- every way in which a folder can change ---- */

static void make_tree(const struct world *world)
{
	char *link = at(world, "a/link"), *empty = at(world, "a/empty");

	put(world, "a/one", "1");
	put(world, "a/two", "2");
	put(world, "a/b/three", "3");
	put(world, "a/b/c/four", "4");
	put(world, "five", "5");
	assert_int_equal(symlink("one", link), 0);
	assert_int_equal(mkdir(empty, 0755), 0);
	free(link);
	free(empty);
}

/* A folder's times as they were, as far as they can be set. */
static void put_back(const struct world *world, const char *folder, const struct stat *before)
{
	const struct timespec times[2] = { before->st_atim, before->st_mtim };
	char *path = at(world, folder);

	assert_int_equal(utimensat(AT_FDCWD, path, times, 0), 0);
	free(path);
}

static void move(const struct world *world, const char *from, const char *to)
{
	char *old = at(world, from), *new = at(world, to);

	assert_int_equal(rename(old, new), 0);
	free(old);
	free(new);
}

static void add_file(const struct world *world)
{
	put(world, "a/b/new", "n");
}

static void add_folder(const struct world *world)
{
	put(world, "a/b/c/d/e/new", "n");
}

static void remove_file(const struct world *world)
{
	drop(world, "a/b/three");
}

static void remove_folder(const struct world *world)
{
	drop(world, "a/b");
}

static void rename_file(const struct world *world)
{
	move(world, "a/one", "a/uno");
}

static void replace_file(const struct world *world)
{
	move(world, "a/one", "a/two");
}

static void swap_files(const struct world *world)
{
	move(world, "a/one", "a/tmp");
	move(world, "a/two", "a/one");
	move(world, "a/tmp", "a/two");
}

static void swap_folders(const struct world *world)
{
	move(world, "a/b", "tmp");
	move(world, "a/empty", "a/b");
	move(world, "tmp", "a/empty");
}

static void file_to_folder(const struct world *world)
{
	drop(world, "a/one");
	put(world, "a/one/inside", "1");
}

static void folder_to_file(const struct world *world)
{
	drop(world, "a/b/c");
	put(world, "a/b/c", "4");
}

static void file_to_link(const struct world *world)
{
	char *path = at(world, "a/one");

	drop(world, "a/one");
	assert_int_equal(symlink("two", path), 0);
	free(path);
}

static void folder_to_link(const struct world *world)
{
	char *path = at(world, "a/b");

	move(world, "a/b", "b");
	assert_int_equal(symlink("../b", path), 0);
	free(path);
}

static void link_to_folder(const struct world *world)
{
	drop(world, "a/link");
	put(world, "a/link/inside", "1");
}

static void change_content(const struct world *world)
{
	put(world, "a/b/three", "x");
}

static void change_mode(const struct world *world)
{
	char *path = at(world, "a/b/three");

	assert_int_equal(chmod(path, 0600), 0);
	free(path);
}

/* A file whose name is as long as the one that went: everything about the folder but its ctime is as it was. */
static void change_behind_the_times(const struct world *world)
{
	char *folder = at(world, "a");
	struct stat before;

	assert_int_equal(stat(folder, &before), 0);
	move(world, "a/one", "a/eno");
	put_back(world, "a", &before);
	free(folder);
}

/* Another folder with the same names and times in its place, but for one name. */
static void replace_whole(const struct world *world)
{
	char *folder = at(world, "a");
	struct stat before;

	assert_int_equal(stat(folder, &before), 0);
	move(world, "a", "old");
	make_tree(world);
	move(world, "a/one", "a/eno");
	put_back(world, "a", &before);
	drop(world, "old");
	free(folder);
}

static void nothing(const struct world *world)
{
	(void)world;
}

static const struct {
	const char *name;
	void (*change)(const struct world *world);
} changes[] = {
	{ "a file is added", add_file },
	{ "folders are added", add_folder },
	{ "a file is removed", remove_file },
	{ "a folder is removed", remove_folder },
	{ "a file is renamed", rename_file },
	{ "a file is renamed over another", replace_file },
	{ "two files change places", swap_files },
	{ "two folders change places", swap_folders },
	{ "a file becomes a folder", file_to_folder },
	{ "a folder becomes a file", folder_to_file },
	{ "a file becomes a link", file_to_link },
	{ "a folder becomes a link", folder_to_link },
	{ "a link becomes a folder", link_to_folder },
	{ "content", change_content },
	{ "mode", change_mode },
	{ "mtime is put back", change_behind_the_times },
	{ "another folder in its place", replace_whole },
	{ "nothing", nothing },
};

static void test_changes(void **state)
{
	struct world *world = *state;
	const char *patterns[] = { "a/b" }, *deep[] = { "**/*o*" };
	struct ignore *ignore = NULL;
	struct filter filters[] = {
		{ .whole = true },
		{ .whole = true },
		{ .patterns = patterns, .patterns_len = 1 },
		{ .patterns = deep, .patterns_len = 1, .deep = true },
	};
	const size_t count = sizeof(filters) / sizeof(filters[0]);

	assert_int_equal(ignore_parse("**/o*\n**/b", 10, "x", &ignore, NULL), 0);
	filters[1].ignore = ignore;
	for (size_t i = 0; i < sizeof(changes) / sizeof(changes[0]); i++) {
		/* the index learned with one filter is asked with each of them */
		for (size_t learned = 0; learned < count; learned++) {
			make_tree(world);
			learn(world, &filters[learned]);
			changes[i].change(world);
			for (size_t asked = 0; asked < count; asked++)
				compare(world, &filters[asked], false);
			/* and what is learned from the change is right, too */
			compare(world, &filters[learned], true);
			tick(world);
			for (size_t asked = 0; asked < count; asked++)
				compare(world, &filters[asked], true);
			assert_int_equal(fs_remove_tree(world->dir, NULL), 0);
			assert_int_equal(mkdir(world->dir, 0755), 0);
			unlink(world->index);
		}
	}
	ignore_free(ignore);
}

/* ---- any order of them ---- */

#define ROUNDS 400

static uint32_t next(uint32_t *seed)
{
	*seed = *seed * 1664525 + 1013904223;
	return *seed >> 8;
}

static char *any_path(const struct world *world, uint32_t *seed)
{
	static const char *const names[] = { "a", "b", "c.d", "c" };
	char *path = mem_strdup(world->dir);

	for (uint32_t depth = 1 + next(seed) % 3; depth > 0; depth--) {
		char *longer = path_join(path, names[next(seed) % 4]);

		free(path);
		path = longer;
	}
	return path;
}

/* One change somewhere, if it can be made. */
static void change_anything(const struct world *world, uint32_t *seed)
{
	char *path = any_path(world, seed), *other = any_path(world, seed);
	int fd;

	switch (next(seed) % 7) {
	case 0:
	case 1:
		fd = open(path, O_WRONLY | O_CREAT, 0644);
		if (fd >= 0) {
			assert_int_equal(pwrite(fd, &(char){ (char)next(seed) }, 1, 0), 1);
			close(fd);
		}
		break;
	case 2:
		mkdir(path, 0755);
		break;
	case 3:
		fs_remove_tree(path, NULL);
		break;
	case 4:
		if (rename(path, other) < 0)
			mkdir(other, 0755);
		break;
	case 5:
		if (symlink(path_base(other), path) < 0)
			chmod(path, next(seed) % 2 ? 0755 : 0711);
		break;
	case 6:
		if (link(path, other) < 0)
			mkdir(path, 0755);
		break;
	}
	free(path);
	free(other);
}

static void test_any_order(void **state)
{
	struct world *world = *state;
	const char *patterns[] = { "a", "b/c*" };
	struct ignore *ignore = NULL;
	struct filter filters[] = { { .whole = true }, { .whole = true }, { .patterns = patterns, .patterns_len = 2 } };
	uint32_t seed = 7;

	assert_int_equal(ignore_parse("**/c\na/b", 8, "x", &ignore, NULL), 0);
	filters[1].ignore = ignore;
	for (int round = 0; round < ROUNDS; round++) {
		for (uint32_t i = next(&seed) % 3; i > 0; i--)
			change_anything(world, &seed);
		compare(world, &filters[next(&seed) % 3], next(&seed) % 2);
		tick(world);
	}
	ignore_free(ignore);
}

#define LEVELS 24 /* more than a path may have bytes; files, whose whole path is needed, in the upper half */

/* Names that come from the index are looked up from a folder further up, unless the way is too long. */
static void test_long_way(void **state)
{
	struct world *world = *state;
	char name[201] = "";
	int fds[LEVELS];

	memset(name, 'n', sizeof(name) - 1);
	fds[0] = open(world->dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	for (int i = 1; i < LEVELS; i++) {
		assert_int_equal(mkdirat(fds[i - 1], name, 0755), 0);
		fds[i] = openat(fds[i - 1], name, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
		assert_true(fds[i] >= 0);
	}
	for (int i = 0; i < LEVELS / 2; i++) {
		int fd = openat(fds[i], "file", O_WRONLY | O_CREAT | O_CLOEXEC, 0644);

		assert_int_equal(write(fd, &(char){ (char)('a' + i) }, 1), 1);
		close(fd);
	}
	learn(world, &whole);
	compare(world, &whole, true);
	assert_int_equal(unlinkat(fds[LEVELS / 2 - 1], "file", 0), 0);
	compare(world, &whole, true);
	for (int i = 0; i < LEVELS; i++)
		close(fds[i]);
}

static void test_file_systems(void **state)
{
	int proc = open("/proc/self", O_RDONLY | O_DIRECTORY | O_CLOEXEC),
	    memory = open("/dev/shm", O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	(void)state;
	assert_true(proc >= 0);
	assert_false(fs_dates_folders(proc));
	assert_false(fs_dates_folders(-1));
	close(proc);
	if (memory < 0)
		skip();
	assert_true(fs_dates_folders(memory));
	close(memory);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_not_read),  TEST(test_young),    TEST(test_settles),      TEST(test_changes),
		TEST(test_any_order), TEST(test_long_way), TEST(test_file_systems),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
