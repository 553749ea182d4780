#ifndef ENGINE_PLAN_CHANGES_H
#define ENGINE_PLAN_CHANGES_H

#include <stddef.h>

struct plan;

/*
 * Which services of the plan would be built otherwise if `paths` (absolute, without symbolic links; they may be gone)
 * were different: their Dockerfile, ignore file, a file of a context that counts, an input or output of `prepare`, or
 * what they are built from is among them. `ret_because` has one place a service of the manifest and gets the first such
 * path (relative to the manifest's folder where it is inside), "service X", or NULL. Texts live in the plan.
 */
void plan_affected(struct plan *plan, const char *const *paths, size_t len, const char **ret_because);

#endif
