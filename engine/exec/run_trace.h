#ifndef ENGINE_EXEC_RUN_TRACE_H
#define ENGINE_EXEC_RUN_TRACE_H

struct event;
struct node;

/* What a run writes into the debug trace (base/debug_trace.h). Nothing when that is off. */

/* A node's state, and why it has it. */
void run_trace_decision(const struct node *node);
void run_trace_event(const struct event *event);

#endif
