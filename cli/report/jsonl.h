#ifndef CLI_REPORT_JSONL_H
#define CLI_REPORT_JSONL_H

#include <stddef.h>

struct event;
struct json;
struct report_state;

/* `--progress=json`: one JSON object a line on standard error (docs/events.md). */
void jsonl_event(const struct report_state *state, const struct event *event);
/* The events of a run with nothing to do. */
void jsonl_nothing(const struct report_state *state);
/* What each of them is made of: a new object with its name and time; bytes that need not be UTF-8. */
struct json *jsonl_begin(const char *name);
struct json *jsonl_bytes(const char *data, size_t len);
void jsonl_print(const struct json *object);

#endif
