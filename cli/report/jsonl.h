#ifndef CLI_REPORT_JSONL_H
#define CLI_REPORT_JSONL_H

struct event;
struct report_state;

/* `--progress=json`: one JSON object a line on standard error (docs/events.md). */
void jsonl_event(const struct report_state *state, const struct event *event);
/* The events of a run with nothing to do. */
void jsonl_nothing(const struct report_state *state);

#endif
