#ifndef CLI_REPORT_REPORT_H
#define CLI_REPORT_REPORT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct buf;
struct error;
struct event;
struct node;
struct options;
struct plan;
struct sink;

/* What a person or a pipeline sees of a run. */
struct report;

/* Sets `*ret_sink` to take a run's events: a live display on a terminal, plain lines elsewhere (in a GitHub job with
 * groups), or JSON; and at the end the summary and a block for each failed node. */
struct report *report_new(struct plan *plan, const struct options *options, struct sink *ret_sink);
void report_free(struct report *report); /* NULL-safe; leaves the terminal as it was */
bool report_is_live(const struct report *report);
/* When the run has ended: writes the trace that was asked for. ERROR_STATE. */
int report_finish(struct report *report, struct error **err);

/* A run with nothing to do: "nothing to do: ...", as JSON the events of such a run, and an empty trace. ERROR_STATE. */
int report_nothing(struct plan *plan, const struct options *options, struct error **err);
/* -n: the plan for people, or as JSON (format in docs/plan-json.md), on stdout. */
int report_plan_text(struct plan *plan, bool all, struct error **err);
int report_plan_json(struct plan *plan, struct error **err);
/* The node's reasons in a line, made safe for a terminal; false when there are none. */
bool report_reasons(struct buf *out, const struct node *node);

/* For the files of report/. */
struct tally {
	size_t built, converted, reused, fresh, failed, skipped, cancelled, loaded, verified, prepared, pushed, tagged;
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
/* Appends "✓ build indexer linux/amd64  12.3s" for a node that ended. */
void report_done_line(const struct report_state *state, const struct event *event, struct buf *out);
const char *report_outcome_name(int outcome); /* an enum outcome: "done" */
/* "build indexer linux/amd64" */
void report_node_name(const struct report_state *state, const struct node *node, struct buf *out);
/* The digest that the image of an index node has in the registry, when this run has pushed it or found it pushed; or NULL. */
const char *report_pushed(const struct report_state *state, const struct node *index);
void report_summary(const struct report_state *state, int status, uint64_t took_ms, struct buf *out);

/* tty.c: the lines at the bottom of a terminal. */
struct live;
struct live *live_new(const struct report_state *state);
void live_free(struct live *live);
void live_event(struct live *live, const struct event *event);
/* Prints `text` above the live lines. */
void live_print(struct live *live, const char *text, size_t len);

#endif
