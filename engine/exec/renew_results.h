#ifndef ENGINE_EXEC_RENEW_RESULTS_H
#define ENGINE_EXEC_RENEW_RESULTS_H

#include <stdbool.h>
#include <stddef.h>

struct error;
struct plan;
struct state;

/*
 * When a node's inputs change and change back, it is fresh because of an older result. That result becomes its newest
 * again, so that later changes are compared with it and it is kept.
 */

bool renew_results_needed(struct plan *plan);
/* Does so for those of the `len` nodes from `first` on that `returned`, in a writable state. ERROR_STATE. */
int renew_results(struct plan *plan, struct state *state, size_t first, size_t len, struct error **err);

#endif
