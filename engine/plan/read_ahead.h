#ifndef ENGINE_PLAN_READ_AHEAD_H
#define ENGINE_PLAN_READ_AHEAD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct buf;

/* Small files that will be asked for one after another, read beforehand by several threads. */
struct ahead;

/* Reads each path, which need not exist, of at most `limit` bytes. Paths are copied; one that is there twice is read once. */
struct ahead *ahead_read(const char *const *paths, size_t len, uint64_t limit);
void ahead_free(struct ahead *ahead); /* NULL-safe */
/* Hands over what was read of the path, once: false when it was not, or could not be. `ahead` NULL: nothing was. */
bool ahead_take(struct ahead *ahead, const char *path, struct buf *ret, bool *ret_found);

#endif
