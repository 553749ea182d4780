#ifndef CLI_REPORT_REPORTER_H
#define CLI_REPORT_REPORTER_H

#include <stdbool.h>

#include "engine/plan/plan_node.h"

struct buf;
struct error;
struct options;
struct plan;
struct sink;

/* The report of a run, for people and pipelines. */
struct report;

/* Sets `*ret_sink` to receive a run's events: a live display on a terminal, plain lines elsewhere (with groups in a
 * GitHub job), or JSON; at the end a summary and a block for each failed node. */
struct report *report_new(struct plan *plan, const struct options *options, struct sink *ret_sink);
void report_free(struct report *report); /* NULL-safe; restores the terminal */
bool report_is_live(const struct report *report);
/* After the run: writes the requested trace. ERROR_STATE. */
int report_finish(struct report *report, struct error **err);

/* A run with nothing to do: prints "nothing to do: ...", in JSON the events of such a run, and writes an empty
 * trace. ERROR_STATE. */
int report_nothing(struct plan *plan, const struct options *options, struct error **err);
/* -n: the plan for people, or as JSON (docs/plan-json.md), on stdout. */
int report_plan_text(struct plan *plan, bool all, struct error **err);
int report_plan_json(struct plan *plan, struct error **err);
/* Appends one of a node's reasons as a sentence ("web/app changed"), safe for a terminal. */
void report_reason(struct buf *out, enum node_kind kind, const struct reason *reason);
/* Appends the node's reasons as one line, safe for a terminal; false when there are none. */
bool report_reasons(struct buf *out, const struct node *node);

#endif
