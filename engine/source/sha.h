#ifndef ENGINE_SOURCE_SHA_H
#define ENGINE_SOURCE_SHA_H

#include <stdbool.h>
#include <stddef.h>

#include "engine/source/walk.h"

struct error;

/*
 * The sha256 of file contents, for keys that leave the machine: read once, then kept in the stat index.
 */

#define SHA_BYTES 32

struct sha_reading {
	const struct walk_node *const *nodes; /* those that are files without a sha256 get one */
	size_t len;
	unsigned char (*room)[SHA_BYTES]; /* one for each; must outlive the nodes */
	const char *top;                  /* the path that theirs are relative to */
	bool (*cancelled)(void *data);    /* polled by several threads; or NULL */
	void *data;
};

/* Reads several files at once. A file that changed since the walk gets none. ERROR_CANCELLED; ERROR_STATE for what
 * cannot be read. */
int sha_read(const struct sha_reading *reading, struct error **err);

#endif
