#ifndef ENGINE_SOURCE_SHA_H
#define ENGINE_SOURCE_SHA_H

#include <stdbool.h>
#include <stddef.h>

#include "engine/source/walk.h"

struct error;

/*
 * The sha256 of files' content, for keys that leave the machine: read once, and kept in the stat index.
 */

#define SHA_BYTES 32

struct sha_reading {
	const struct walk_node *const *nodes; /* those of them that are files and have no sha256 get it */
	size_t len;
	unsigned char (*room)[SHA_BYTES]; /* for as many; lives as long as the nodes */
	const char *top;                  /* the path that theirs are relative to */
	bool (*cancelled)(void *data);    /* asked now and then, by several threads; or NULL */
	void *data;
};

/* Reads several files at once. A file that is not the one any more that was walked gets none. ERROR_CANCELLED; ERROR_STATE for
 * what cannot be read. */
int sha_read(const struct sha_reading *reading, struct error **err);

#endif
