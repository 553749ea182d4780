#ifndef ENGINE_EXEC_RENEW_RESULTS_H
#define ENGINE_EXEC_RENEW_RESULTS_H

#include <stdbool.h>
#include <stddef.h>

struct error;
struct plan;
struct state;

/*
 * When what a node is made of is changed and changed back, it is fresh by an earlier result. That one is then its newest
 * again: what is stale later is compared with it, and it is kept.
 */

bool renew_results_needed(struct plan *plan);
/* Makes the results of the `len` nodes from `first` on that returned their newest in the state, which can be written.
 * ERROR_STATE. */
int renew_results(struct plan *plan, struct state *state, size_t first, size_t len, struct error **err);

#endif
