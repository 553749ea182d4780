#ifndef CLI_REPORT_PAST_H
#define CLI_REPORT_PAST_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct error;
struct run_info;
struct run_step;

/* A run of the history: the nodes of its plan with their results. */

struct past_node {
	char *id, *kind, *service, *platform; /* platform may be NULL */
	char *state;                          /* at the start of the run: "fresh", "stale", "unknown", or "" */
	char *reasons;                        /* one per line; "" for none */
	char *outcome; /* as in the history, or "not reached"; NULL: it was fresh from the beginning */
	char *log;     /* NULL: it did not run */
	size_t *needs; /* numbers of nodes */
	size_t needs_len;
	bool ran;
	uint64_t start_ms, took_ms; /* start: since the run began; took: if it ran */
	size_t slot;                /* if it ran: the smallest free slot */
	bool critical;              /* on the slowest chain of dependencies */
	uint64_t waited_ms;         /* if critical: for a slot, after its dependencies had ended */
	size_t service_number;      /* equal for nodes of one service */
};

struct past {
	struct past_node *nodes;
	size_t len, cap;
	size_t slots, services_len;
	uint64_t took_ms;     /* until the last node ended */
	uint64_t critical_ms; /* total time of the nodes of that chain */
	uint64_t waited_ms;   /* that they waited in all */
};

/* `plan` is the plan's JSON, or NULL: then only nodes that ran are known. Nodes of `steps` that the plan does not
 * have are added. ERROR_STATE when the plan cannot be read. */
int past_make(const char *plan, const struct run_info *run, const struct run_step *steps, size_t steps_len,
	      struct past *ret, struct error **err);
const char *past_outcome(const struct past_node *node); /* "fresh" when it has none */
/* Whether a person wants to know of this outcome rather than of that: of a failed node rather than of one that is done. */
bool past_worse(const struct past_node *node, const struct past_node *than);
void past_free(struct past *past); /* the contents */

#endif
