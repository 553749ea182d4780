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

/* The registry cache (engine/cache/cache.h), before a run: what others have made of the same inputs is not built here. */

struct cache_run {
	struct plan *plan;
	struct registry *registry;
	struct layout *layout; /* both can be written */
	struct state *state;
	void (*note)(void *data, const char *text); /* what was taken, and what could not be */
	void *data;
	bool down; /* set: the registry does not answer, and need not be asked again in this run */
};

/* Asks for every build of the plan that is stale and whose key is known, and takes what is there: such nodes are fresh
 * afterwards, and what stands on them is decided again. What a push needs only by name is not downloaded, and not recorded
 * (its place is CACHE_BY_NAME). A result that is missing or wrong is none; only what fails here is an error. */
int cache_take_results(struct cache_run *env, struct error **err);
#define CACHE_BY_NAME "registry"

/* The same for one build, while nodes run: takes what is under `key`, with its layers. 1, or 0 when there is nothing. */
int cache_take(struct registry *registry, struct layout *layout, const struct plan *plan, size_t node, const char *key,
	       struct cache_entry *ret, struct error **err);
/* Puts a build's image under the key, unless its name says no registry. One that is there stays, unless the build was forced. */
int cache_give(struct registry *registry, struct layout *layout, const struct plan *plan, size_t node, const char *key,
	       const char *digest, struct error **err);

#endif
