#ifndef ENGINE_PLAN_READ_AHEAD_H
#define ENGINE_PLAN_READ_AHEAD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct buf;

/* Small files that will be asked for one after another, read beforehand by several threads. */
struct read_ahead;

/* Reads each path, which need not exist, of at most `limit` bytes. Paths are copied; one that is there twice is read once. */
struct read_ahead *read_ahead_start(const char *const *paths, size_t len, uint64_t limit);
void read_ahead_free(struct read_ahead *ahead); /* NULL-safe */
/* Hands over what was read of the path, once: false when it was not, or could not be. `ahead` NULL: nothing was. */
bool read_ahead_take(struct read_ahead *ahead, const char *path, struct buf *ret, bool *ret_found);

#endif
