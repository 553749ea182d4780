#ifndef ENGINE_CACHE_CACHE_RUN_H
#define ENGINE_CACHE_CACHE_RUN_H

#include <stdbool.h>
#include <stddef.h>

struct cache_entry;
struct error;
struct layout;
struct plan;
struct registry;
struct state;

/* The registry cache (engine/cache/cache.h) before a run: what others have already built from the same inputs is
 * not built again. */

struct cache_run {
	struct plan *plan;
	struct registry *registry;
	struct layout *layout; /* both can be written */
	struct state *state;
	void (*note)(void *data, const char *text); /* reports what was reused, and what could not be */
	void *data;
	bool down; /* the registry does not answer: do not ask it again in this run */
};

/* Looks up every stale build of the plan whose key is known and reuses what is found: these nodes are fresh
 * afterwards, and their dependents are decided again. What a push needs only by name is neither downloaded nor
 * recorded (its place is CACHE_BY_NAME). A missing or invalid result is a miss; only local failures are errors. */
int cache_take_results(struct cache_run *env, struct error **err);
#define CACHE_BY_NAME "registry"

/* The same for a single build while nodes run: reuses the result under `key`, with its layers. 1, or 0 when there
 * is none. */
int cache_take(struct registry *registry, struct layout *layout, const struct plan *plan, size_t node, const char *key,
	       struct cache_entry *ret, struct error **err);
/* Stores a build's image under the key, unless its name has no registry. An existing one is kept, unless the build
 * was forced. */
int cache_give(struct registry *registry, struct layout *layout, const struct plan *plan, size_t node, const char *key,
	       const char *digest, struct error **err);

#endif
