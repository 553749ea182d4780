#include "config.h"

#include <stdlib.h>

#include "base/buf.h"
#include "base/fs.h"
#include "base/map.h"
#include "base/mem.h"
#include "base/workers.h"
#include "engine/plan/read_ahead.h"

#define FILES_WORTH_A_THREAD 64 /* with fewer files, starting a thread costs more than it saves */

struct file {
	const char *path;
	struct buf text;
	bool read, found;
};

struct read_ahead {
	uint64_t limit;
	struct map *by_path; /* number + 1 */
	struct arena *arena;
	struct file *files;
	size_t len;
};

static void read_ahead_read_file(void *data, size_t index, unsigned worker)
{
	struct read_ahead *ahead = data;
	struct file *file = &ahead->files[index];

	(void)worker;
	/* The caller reads a failed file itself, and gets the error. */
	file->read = fs_read_if(file->path, ahead->limit, &file->text, &file->found, NULL) == 0;
}

struct read_ahead *read_ahead_start(const char *const *paths, size_t len, uint64_t limit)
{
	struct read_ahead *ahead = mem_alloc(sizeof(*ahead));

	*ahead = (struct read_ahead){
		.limit = limit,
		.by_path = map_new(),
		.arena = arena_new(),
		.files = mem_array(len + 1, sizeof(*ahead->files)),
	};
	for (size_t i = 0; i < len; i++) {
		if (map_get(ahead->by_path, paths[i]))
			continue;
		ahead->files[ahead->len].path = arena_strdup(ahead->arena, paths[i]);
		map_set(ahead->by_path, ahead->files[ahead->len].path, (void *)(ahead->len + 1));
		ahead->len++;
	}
	workers_run(ahead->len, workers_count(ahead->len, FILES_WORTH_A_THREAD), read_ahead_read_file, ahead);
	return ahead;
}

void read_ahead_free(struct read_ahead *ahead)
{
	if (!ahead)
		return;
	for (size_t i = 0; i < ahead->len; i++)
		buf_free(&ahead->files[i].text);
	map_free(ahead->by_path);
	arena_free(ahead->arena);
	free(ahead->files);
	free(ahead);
}

bool read_ahead_take(struct read_ahead *ahead, const char *path, struct buf *ret, bool *ret_found)
{
	size_t number = ahead ? (size_t)map_get(ahead->by_path, path) : 0;
	struct file *file = number ? &ahead->files[number - 1] : NULL;

	if (!file || !file->read)
		return false;
	file->read = false;
	*ret = file->text;
	file->text = (struct buf){ 0 };
	*ret_found = file->found;
	return true;
}
