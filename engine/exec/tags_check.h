#ifndef ENGINE_EXEC_TAGS_CHECK_H
#define ENGINE_EXEC_TAGS_CHECK_H

struct error;
struct plan;
struct registry;

/* The digests of a release's tags in the registries, as of before the run. */
struct tags_held;

/* Asks the registries for the release's tags, with write access: one HEAD for each tag, several at once. If a
 * pushed tag has changed, its service's push and tag nodes become stale, with a reason. Call it before the plan is
 * run; the result must outlive the run. */
int tags_check(struct plan *plan, struct registry *registry, struct tags_held **ret, struct error **err);
/* The digest that a reference of the plan had; "": none, or it was not asked for. `held` may be NULL. */
const char *tags_held_digest(const struct tags_held *held, const char *reference);
void tags_held_free(struct tags_held *held); /* NULL-safe */

#endif
