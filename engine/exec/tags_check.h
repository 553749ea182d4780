#ifndef ENGINE_EXEC_TAGS_CHECK_H
#define ENGINE_EXEC_TAGS_CHECK_H

struct error;
struct plan;
struct registry;

/* What the tags of a release hold, as they were asked before the run. */
struct tags_held;

/* Asks the registries what the tags of the release hold, with the right to push: one HEAD a tag, several at once. Where one that
 * was pushed does not hold what it did, its service's push and tag nodes become stale, with a reason. Before the plan is run,
 * which the result must outlive. */
int tags_check(struct plan *plan, struct registry *registry, struct tags_held **ret, struct error **err);
/* The digest that a reference of the plan held; "": nothing, or it was not asked for. `held` may be NULL. */
const char *tags_held_digest(const struct tags_held *held, const char *reference);
void tags_held_free(struct tags_held *held); /* NULL-safe */

#endif
