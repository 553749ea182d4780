#ifndef ENGINE_SOURCE_CHOSEN_H
#define ENGINE_SOURCE_CHOSEN_H

#include <stddef.h>

#include "base/xxh3.h"

struct source_entry;
struct walk_node;
struct selector;
struct top;

/* The files that a selection chose from a walk, in byte order of the paths. */
struct chosen {
	const struct walk_node **nodes;
	bool *behind; /* source_entry.behind of each */
	size_t len, cap, behind_cap;
	size_t depth; /* length of the part of a node's path that precedes the path within the selection's own folder */
};

/* The nodes are borrowed from the walk. */
void chosen_collect(struct chosen *chosen, const struct top *top, const struct selector *selector);
void chosen_free(struct chosen *chosen); /* the memory, not the struct */
/* As an array of entries, which the caller frees; NULL when there are none. All contents must be known. */
struct source_entry *chosen_entries(const struct chosen *chosen);
/* The digest of everything that a selection chose. All contents must be known. */
struct hash128 chosen_digest(const struct top *top, const struct selector *selector);
/* The path of the first entry whose stat data differs, or NULL. */
const char *chosen_differ(const struct chosen *before, const struct chosen *now);

#endif
