#ifndef TESTS_UNIT_SOURCE_WORLD_H
#define TESTS_UNIT_SOURCE_WORLD_H

/* A folder to walk and a stat index beside it. The cmocka headers come first. */

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "base/error.h"
#include "base/fs.h"
#include "base/mem.h"
#include "engine/source/context.h"

#define LATER 100 /* seconds: a clock that finds everything old enough */

struct world {
	char *dir, *index;
};

__attribute__((unused)) static int setup(void **state)
{
	struct world *world = mem_alloc(sizeof(*world));
	char template[] = "/tmp/cbuild-source-XXXXXX";

	if (!mkdtemp(template))
		return -1;
	world->dir = path_join(template, "tree");
	world->index = path_join(template, "index");
	*state = world;
	return mkdir(world->dir, 0755);
}

__attribute__((unused)) static int teardown(void **state)
{
	struct world *world = *state;
	char *dir = path_dir(world->dir);

	fs_remove_tree(dir, NULL);
	free(dir);
	free(world->dir);
	free(world->index);
	free(world);
	return 0;
}

__attribute__((unused)) static void put(const struct world *world, const char *name, const char *content)
{
	char *path = path_join(world->dir, name), *dir = path_dir(path);
	int fd;

	assert_int_equal(fs_mkdirs(dir, 0755, NULL), 0);
	fd = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0644);
	assert_true(fd >= 0);
	assert_int_equal(write(fd, content, strlen(content)), (ssize_t)strlen(content));
	close(fd);
	free(path);
	free(dir);
}

__attribute__((unused)) static char *at(const struct world *world, const char *name)
{
	return path_join(world->dir, name);
}

__attribute__((unused)) static struct source *begin(const struct world *world, int64_t ahead)
{
	struct source *source = NULL;

	assert_int_equal(source_open(world->dir, world->index, &source, NULL), 0);
	source_clock(source, time(NULL) + ahead);
	return source;
}

__attribute__((unused)) static void scan(struct source *source)
{
	struct error *err = NULL;

	if (source_scan(source, &err) < 0)
		fail_msg("%s", err->message);
}

/*
 * Waits until the file system's clock has moved on: a clock that runs ahead trusts at once what was written in the same tick
 * as the index.
 */
__attribute__((unused)) static void tick(const struct world *world)
{
	char *path = mem_printf("%s.tick", world->index);
	int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0644);
	struct stat first, now;

	assert_true(fd >= 0);
	assert_int_equal(fstat(fd, &first), 0);
	do {
		assert_int_equal(pwrite(fd, "x", 1, 0), 1);
		assert_int_equal(fstat(fd, &now), 0);
	} while (now.st_ctim.tv_sec == first.st_ctim.tv_sec && now.st_ctim.tv_nsec == first.st_ctim.tv_nsec);
	close(fd);
	free(path);
}

static const struct filter whole = { .whole = true };

#endif
