#ifndef ENGINE_EXEC_RUN_TRACE_H
#define ENGINE_EXEC_RUN_TRACE_H

struct event;
struct node;

/* What a run writes to the debug trace (base/debug_trace.h). Does nothing when tracing is off. */

/* A node's state and its reasons. */
void run_trace_decision(const struct node *node);
void run_trace_event(const struct event *event);

#endif
