#ifndef ENGINE_EXEC_TAGS_CHECK_H
#define ENGINE_EXEC_TAGS_CHECK_H

struct error;
struct plan;
struct registry;

/* Asks the registries whether the tags that were pushed still stand for what they did: one HEAD a tag, several at once.
 * Where one does not, its service's push and tag nodes become stale, with a reason. Before the plan is run. */
int tags_check(struct plan *plan, struct registry *registry, struct error **err);

#endif
