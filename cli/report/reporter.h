#ifndef CLI_REPORT_REPORTER_H
#define CLI_REPORT_REPORTER_H

#include <stdbool.h>

struct buf;
struct error;
struct node;
struct options;
struct plan;
struct sink;

/* The report of a run, for people and pipelines. */
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

#endif
