#ifndef CLI_REPORT_PAST_H
#define CLI_REPORT_PAST_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct error;
struct run_info;
struct run_step;

/* A run of the history: the nodes of its plan with what came of them. */

struct past_node {
	char *id, *kind, *service, *platform; /* platform NULL: none */
	char *state;                          /* when the run began: "fresh", "stale", "unknown", or "" */
	char *reasons;                        /* one a line; "" when there are none */
	char *outcome; /* as in the history, or "not reached"; NULL: it was fresh from the beginning */
	char *log;     /* NULL: it did not run */
	size_t *needs; /* numbers of nodes */
	size_t needs_len;
	bool ran;
	uint64_t start_ms, took_ms; /* since the run began; when it ran */
	size_t slot;                /* when it ran: the smallest that was free */
	bool critical;              /* on the chain of needs that took longest */
};

struct past {
	struct past_node *nodes;
	size_t len, cap;
	size_t slots;
	uint64_t took_ms;     /* until the last node ended */
	uint64_t critical_ms; /* what the nodes of that chain took */
	uint64_t waited_ms;   /* for a slot: of these nodes, from when all that one needs had ended until it began */
};

/* `plan` is the plan's JSON, or NULL: then there are only the nodes that ran. Steps of nodes that the plan does not have are
 * added. ERROR_STATE when the plan cannot be read. */
int past_make(const char *plan, const struct run_info *run, const struct run_step *steps, size_t steps_len,
	      struct past *ret, struct error **err);
void past_free(struct past *past); /* the contents */

#endif
