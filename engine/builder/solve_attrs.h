#ifndef ENGINE_BUILDER_SOLVE_ATTRS_H
#define ENGINE_BUILDER_SOLVE_ATTRS_H

struct arena;
struct build_job;
struct caches;
struct control_solve;

#define SOLVE_FOLDER "folder%zu" /* the daemon's name for the i-th context that is a folder */
#define SOLVE_STORE "cbuild"     /* and for the store */

/* Translates a job for BuildKit: the frontend's attributes, the exporter, caches (or NULL), entitlements. Allocated
 * in the arena; points into the job. */
void solve_attrs(struct arena *arena, const struct build_job *job, const struct caches *caches,
		 struct control_solve *ret);

#endif
