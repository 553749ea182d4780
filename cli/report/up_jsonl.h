#ifndef CLI_REPORT_UP_JSONL_H
#define CLI_REPORT_UP_JSONL_H

struct error;
struct up_event;

/* An up_job.event for `--progress=json`: one JSON object a line on standard error (docs/events.md). */
int up_jsonl_event(void *data, const struct up_event *event, struct error **err);

#endif
