#ifndef ENGINE_SOURCE_SELECT_H
#define ENGINE_SOURCE_SELECT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "engine/source/context.h"

struct arena;
struct view;

/* Decides which entries count: a struct filter prepared for walking, one name at a time. */
struct selector;

struct selector *selector_new(const struct filter *filter);
void selector_free(struct selector *selector); /* NULL-safe */
/* Adds a pattern found on the way (the target of a link); `through`: it is behind the link, which is not itself what a pattern names. False
 * when it exists already. */
bool selector_extend(struct selector *selector, const char *pattern, bool through);
size_t selector_extended(const struct selector *selector); /* how many were added */
void selector_whole(struct selector *selector);            /* everything counts: some link leads who knows where */
/* The first pattern of the filter that matched nothing, or -1. */
long selector_unmatched(const struct selector *selector);

/* The view of the selection's own folder. */
void selector_begin(const struct selector *selector, struct view *ret, size_t prefix, struct arena *arena);

struct verdict {
	bool counts;
	bool way;     /* a folder that counts only if something below it does */
	bool descend; /* for folders */
	bool detour;  /* a link that a pattern leads to or through */
	bool matched; /* a pattern matched this entry or a folder that contains it */
	bool named;   /* a pattern ends with this entry */
	bool ignored;
	bool hidden; /* a folder: ignored with everything below it, entered only for what links lead to */
	bool taken;  /* a link leads through to it: it counts, with everything below it, */
	bool behind; /* although it is ignored */
	size_t states_len;
	uint32_t *states; /* scratch: the states after this name */
};

/* `path` is the entry's path in the walk, `name` its last component, `type` its S_IFMT bits. `scratch` has room for
 * selector_states() numbers. */
void selector_judge(const struct view *view, const char *path, const char *name, uint32_t type, uint32_t *scratch,
		    struct verdict *ret);
size_t selector_states(const struct selector *selector);
/* The view of a folder that `verdict` said to enter. */
void selector_enter(const struct view *view, const struct verdict *verdict, const char *path, struct view *ret,
		    struct arena *arena);
/* True when a file at `path` (relative to the selection's folder) would count if it existed. */
bool selector_takes(const struct selector *selector, const char *path);
/* The rest of a pattern at a state, as text. */
char *selector_rest(const struct selector *selector, uint32_t state, struct arena *arena);

#endif
