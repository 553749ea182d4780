#ifndef ENGINE_PLAN_READ_AHEAD_H
#define ENGINE_PLAN_READ_AHEAD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct buf;

/* Reads many small files in advance, with several threads, for a caller that takes them one by one. */
struct read_ahead;

/* Reads each path, which may be missing, up to `limit` bytes. Paths are copied; duplicates are read once. */
struct read_ahead *read_ahead_start(const char *const *paths, size_t len, uint64_t limit);
void read_ahead_free(struct read_ahead *ahead); /* NULL-safe */
/* Takes the content of a path, once; false when it was not read. `ahead` may be NULL. */
bool read_ahead_take(struct read_ahead *ahead, const char *path, struct buf *ret, bool *ret_found);

#endif
