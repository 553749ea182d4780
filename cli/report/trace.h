#ifndef CLI_REPORT_TRACE_H
#define CLI_REPORT_TRACE_H

struct error;
struct event;
struct report_state;

/* `--trace FILE`: a run's timeline in the Trace Event Format, which Perfetto and chrome://tracing show. */
struct trace;

struct trace *trace_new(const struct report_state *state);
void trace_free(struct trace *trace); /* NULL-safe */
void trace_event(struct trace *trace, const struct event *event);
/* Replaces the file with what has happened so far. ERROR_STATE. */
int trace_write(const struct trace *trace, const char *path, struct error **err);

#endif
