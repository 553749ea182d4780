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
};

struct past {
	struct past_node *nodes;
	size_t len, cap;
	size_t slots;
	uint64_t took_ms;     /* until the last node ended */
	uint64_t critical_ms; /* total time of the nodes of that chain */
	uint64_t waited_ms;   /* time that these nodes waited for a slot after their dependencies had ended */
};

/* `plan` is the plan's JSON, or NULL: then only nodes that ran are known. Nodes of `steps` that the plan does not
 * have are added. ERROR_STATE when the plan cannot be read. */
int past_make(const char *plan, const struct run_info *run, const struct run_step *steps, size_t steps_len,
	      struct past *ret, struct error **err);
void past_free(struct past *past); /* the contents */

#endif
