#ifndef ENGINE_BUILDKIT_FILESYNC_H
#define ENGINE_BUILDKIT_FILESYNC_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/xxh3.h"
#include "engine/buildkit/grpc.h"

/*
 * moby.filesync.v1.FileSync: sends folders. The daemon filters nothing: the build gets exactly the entries given here.
 * A file is read when the daemon asks for it, and hashed on the way: if it differs from what was announced, the daemon
 * gets an error instead of its end and uses nothing of the folder, and filesync_changed returns its path.
 */

/* The content of a folder: every entry once, including parent folders. */
struct filesync_entry {
	const char *path;      /* within the folder; bytes */
	uint32_t mode;         /* st_mode: type and permissions of a file, a folder or a link */
	uint64_t size;         /* of a file */
	int64_t mtime;         /* nanoseconds since 1970, as announced to the daemon */
	const char *link;      /* text of a link */
	const char *source;    /* path of the file; NULL: its content is */
	const char *data;      /* this */
	struct hash128 digest; /* of its content and attributes (source/content.h) */
};

struct filesync_folder {
	const char *name; /* the daemon's name for it */
	const char *hint; /* a file that the daemon may request alone, to see what it excludes (".dockerignore"), or NULL */
	struct filesync_entry *entries;
	size_t len;
};

struct filesync;

/* Sorts the entries; everything is borrowed. */
struct filesync *filesync_new(struct filesync_folder *folders, size_t len);
void filesync_free(struct filesync *filesync); /* NULL-safe */
struct grpc_method filesync_method(struct filesync *filesync);
/* The path of a file that had changed when it was read, or NULL. Call it when no call is running. */
const char *filesync_changed(const struct filesync *filesync);

#endif
