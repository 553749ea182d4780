#ifndef CLI_REPORT_REPORT_STATE_H
#define CLI_REPORT_REPORT_STATE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct buf;
struct event;
struct node;
struct options;
struct plan;

/* The state of a run so far, which all kinds of reports use. */

struct tally {
	size_t built, converted, reused, fresh, failed, skipped, cancelled, outdated, loaded, verified, prepared,
		pushed, tagged, written;
	uint64_t pushed_bytes;
};
struct failure {
	const struct node *node;
	char *message, *remedy, *log;
};
struct report_state {
	struct plan *plan;
	const struct options *options;
	struct tally tally;
	int *outcomes; /* of each node of the plan: an enum outcome, or -1 */
	struct failure *failures;
	size_t failures_len, failures_cap;
	size_t nodes, stale;
	uint64_t start_ms;
	bool color;
};
void report_state_init(struct report_state *ret, struct plan *plan, const struct options *options, bool color);
void report_state_free(struct report_state *state); /* the contents */
/* Counts a finished node (an EVENT_NODE_DONE), and keeps its failure. */
void report_state_take(struct report_state *state, const struct event *event);

/* `code` if colours are used, else "". */
const char *report_color(const struct report_state *state, const char *code);
/* Appends "✓ build indexer linux/amd64  12.3s" for a finished node. */
void report_done_line(const struct report_state *state, const struct event *event, struct buf *out);
/* How the node ended: an enum outcome, or -1. */
int report_outcome(const struct report_state *state, const struct node *node);
/* Of a skipped node: the one below it that failed, was interrupted or begins anew; NULL when there is none. */
const struct node *report_cause(const struct report_state *state, const struct node *node);
/* "build indexer linux/amd64" */
void report_node_name(const struct report_state *state, const struct node *node, struct buf *out);
/* The digest of an index node's image in the registry, if this run has pushed it or found it there; or NULL. */
const char *report_pushed(const struct report_state *state, const struct node *index);

#endif
