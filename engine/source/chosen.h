#ifndef ENGINE_SOURCE_CHOSEN_H
#define ENGINE_SOURCE_CHOSEN_H

#include <stddef.h>

#include "base/hash.h"

struct entry;
struct node;
struct selector;
struct top;

/* The entries that a selection chose from a walk, in byte order of their paths. */
struct chosen {
	struct entry *entries;
	const struct node **nodes; /* of each entry: its stat data */
	size_t len, cap, nodes_cap;
	struct hash128 digest;
};

/* The paths are borrowed from the walk. */
void chosen_collect(struct chosen *chosen, const struct top *top, const struct selector *selector);
/* Sets the digest: call it when all contents are known. */
void chosen_digest(struct chosen *chosen);
void chosen_free(struct chosen *chosen); /* the memory, not the struct */
/* The path of the first entry that is not the same in both, by stat data; NULL when there is none. */
const char *chosen_differ(const struct chosen *before, const struct chosen *now);

#endif
