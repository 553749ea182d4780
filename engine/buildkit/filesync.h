#ifndef ENGINE_BUILDKIT_FILESYNC_H
#define ENGINE_BUILDKIT_FILESYNC_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/xxh3.h"
#include "engine/buildkit/grpc.h"

/*
 * moby.filesync.v1.FileSync: sends folders. The daemon filters nothing: what a folder has here is what the build has. A file is read once more
 * when it is asked for, and hashed on the way: when it is not what it was said to be, the daemon gets an error instead of its end,
 * nothing of the folder is used, and filesync_changed says which one it was.
 */

/* What a folder holds: all of it, the folders on the way too, each once. */
struct filesync_entry {
	const char *path;      /* within the folder; bytes */
	uint32_t mode;         /* st_mode: type and permissions of a file, a folder or a link */
	uint64_t size;         /* of a file */
	int64_t mtime;         /* nanoseconds since 1970: what the daemon is told */
	const char *link;      /* text of a link */
	const char *source;    /* path of the file; NULL: its bytes are */
	const char *data;      /* these */
	struct hash128 digest; /* of its content, as it counts (source/content.h) */
};

struct filesync_folder {
	const char *name; /* by which the daemon asks for it */
	const char *hint; /* a file that it may ask for alone, to see what it leaves out (".dockerignore"), or NULL */
	struct filesync_entry *entries;
	size_t len;
};

struct filesync;

/* Sorts the entries; everything is borrowed. */
struct filesync *filesync_new(struct filesync_folder *folders, size_t len);
void filesync_free(struct filesync *filesync); /* NULL-safe */
struct grpc_method filesync_method(struct filesync *filesync);
/* The path of a file that was not what it was said to be when it was read, or NULL. When no call is running. */
const char *filesync_changed(const struct filesync *filesync);
/* Bytes of files that were sent. Any thread. */
uint64_t filesync_sent(struct filesync *filesync);

#endif
