#ifndef ENGINE_PLAN_WHY_STALE_H
#define ENGINE_PLAN_WHY_STALE_H

#include <stddef.h>

struct arena;
struct error;
struct input_change;
struct plan;
struct record;
struct state;

/* Details about a node besides its reasons. */
struct why {
	struct record *last; /* of its current result, else of its last one; NULL: it never ran */
	/* The differences from the inputs of the newest record, if they are why it is stale. */
	struct input_change *changes;
	size_t changes_len;
	struct arena *arena; /* has their texts */
};

/* ERROR_STATE; the caller frees *ret. */
int why_node(struct plan *plan, struct state *state, size_t node, struct why **ret, struct error **err);
void why_free(struct why *why); /* NULL-safe */

#endif
