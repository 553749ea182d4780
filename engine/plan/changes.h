#ifndef ENGINE_PLAN_CHANGES_H
#define ENGINE_PLAN_CHANGES_H

#include <stddef.h>

struct plan;

/*
 * Which services of the plan would be built differently if `paths` (absolute, without symbolic links; possibly
 * deleted) had changed: their Dockerfile, ignore file, a file of a context that counts, an input or output of
 * `prepare`, or something they are built from. `ret_because` has one element for each service of the manifest: the
 * first such path (relative to the manifest's folder if it is inside), "service X", or NULL. Texts live in the plan.
 */
void plan_affected(struct plan *plan, const char *const *paths, size_t len, const char **ret_because);

#endif
