#ifndef ENGINE_EXEC_REUSE_H
#define ENGINE_EXEC_REUSE_H

#include <stdbool.h>
#include <stddef.h>

struct error;
struct layout;
struct plan;
struct ref;
struct registry;
struct state;

/* The registry cache (registry/results.h), before a run: what others have made of the same inputs is not built here. */

struct reuse_env {
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
 * (its place is REUSE_BY_NAME). A result that is missing or wrong is none; only what fails here is an error. */
int reuse_results(struct reuse_env *env, struct error **err);
#define REUSE_BY_NAME "registry"

/* The repository that the results of a build are shared in: the image's own; false when its name says no registry. */
bool reuse_where(const struct plan *plan, size_t node, struct ref *ret);

#endif
