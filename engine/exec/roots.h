#ifndef ENGINE_EXEC_ROOTS_H
#define ENGINE_EXEC_ROOTS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/digest.h"

struct error;
struct layout;
struct state;

/* The roots of the store: the results of all nodes' newest records, and everything tagged. */
struct store_root {
	char *name; /* the node or the reference */
	bool tag;
	int64_t when_ms; /* of the record; 0 of a tag */
	char digest[DIGEST_LEN + 1];
};
struct roots {
	struct store_root *items;
	size_t len, cap;
};

/* Records first, sorted by node, then tags. Even on failure the caller frees the result. */
int roots_collect(struct layout *layout, struct state *state, struct roots *ret, struct error **err);
void roots_free(struct roots *roots); /* what it holds, not the struct */

#endif
