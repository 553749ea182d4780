#include "config.h"

#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/error.h"
#include "base/fs.h"
#include "base/json.h"
#include "base/mem.h"
#include "cli/report/report_state.h"
#include "cli/report/trace.h"
#include "dsl/manifest.h"
#include "engine/exec/event.h"
#include "engine/io/loop.h"
#include "engine/io/proc.h"
#include "engine/plan/plan.h"

#define PROCESS 1 /* the format needs numbers: one process, a thread for each slot */

struct lane {
	const struct node *node;
	size_t slot;
	uint64_t start_ms;
	char *step; /* the current one, or NULL */
	uint64_t step_ms;
};

struct trace {
	const struct report_state *state;
	uint64_t start_ms;
	struct lane *lanes; /* of running nodes */
	size_t len, cap;
	size_t slots;
	struct json *events;
};

struct trace *trace_new(const struct report_state *state)
{
	struct trace *trace = mem_alloc(sizeof(*trace));

	trace->state = state;
	trace->start_ms = loop_now_ms();
	trace->events = json_new_array();
	return trace;
}

void trace_free(struct trace *trace)
{
	if (!trace)
		return;
	for (size_t i = 0; i < trace->len; i++)
		free(trace->lanes[i].step);
	free(trace->lanes);
	json_free(trace->events);
	free(trace);
}

static struct lane *trace_find(struct trace *trace, const struct node *node)
{
	for (size_t i = 0; i < trace->len; i++) {
		if (trace->lanes[i].node == node)
			return &trace->lanes[i];
	}
	return NULL;
}

/* A span from `start_ms` until now; returns its object, to add more. */
static struct json *add_span(struct trace *trace, const char *name, const char *category, size_t slot, uint64_t start_ms)
{
	struct json *span = json_new_object();

	json_set(span, "name", json_new_string(name));
	json_set_str(span, "cat", category);
	json_set_str(span, "ph", "X");
	json_set_int(span, "ts", (int64_t)(start_ms - trace->start_ms) * 1000);
	json_set_int(span, "dur", (int64_t)(loop_now_ms() - start_ms) * 1000);
	json_set_int(span, "pid", PROCESS);
	json_set_int(span, "tid", (int64_t)slot + 1);
	json_append(trace->events, span);
	return span;
}

static void end_step(struct trace *trace, struct lane *lane)
{
	if (lane->step)
		add_span(trace, lane->step, "step", lane->slot, lane->step_ms);
	free(steal_ptr(lane->step));
}

static void trace_on_start(struct trace *trace, const struct event *event)
{
	mem_reserve(&trace->lanes, &trace->cap, trace->len + 1, sizeof(*trace->lanes));
	trace->lanes[trace->len++] = (struct lane){ .node = event->node, .slot = event->slot, .start_ms = loop_now_ms() };
	if (event->slot >= trace->slots)
		trace->slots = event->slot + 1;
}

static void on_step(struct trace *trace, struct lane *lane, const struct progress *progress)
{
	if (!progress->steps)
		return;
	end_step(trace, lane);
	lane->step = mem_printf("%u/%u %.*s", progress->step, progress->steps, (int)progress->name_len,
				progress->name ? progress->name : "");
	lane->step_ms = loop_now_ms();
}

static void trace_on_done(struct trace *trace, struct lane *lane, const struct event *event)
{
	cleanup_buf struct buf name = { 0 };
	struct json *span, *arguments = json_new_object();

	end_step(trace, lane);
	report_node_name(trace->state, event->node, &name);
	span = add_span(trace, name.data, node_kind_name(event->node->kind), lane->slot, lane->start_ms);
	json_set_str(arguments, "node", event->node->id);
	json_set_str(arguments, "outcome", outcome_name(event->outcome));
	json_set_str(arguments, "digest", event->node->result.digest);
	if (event->error)
		json_set(arguments, "error", json_new_string(event->error->message));
	json_set(span, "args", arguments);
	*lane = trace->lanes[--trace->len];
}

void trace_event(struct trace *trace, const struct event *event)
{
	struct lane *lane = event->node ? trace_find(trace, event->node) : NULL;

	if (event->kind == EVENT_NODE_START)
		trace_on_start(trace, event);
	else if (event->kind == EVENT_NODE_STEP && lane)
		on_step(trace, lane, event->progress);
	else if (event->kind == EVENT_NODE_DONE && lane)
		trace_on_done(trace, lane, event);
}

static struct json *name_json(const char *what, size_t thread, const char *name)
{
	struct json *object = json_new_object(), *arguments = json_new_object();

	json_set_str(object, "name", what);
	json_set_str(object, "ph", "M");
	json_set_int(object, "pid", PROCESS);
	json_set_int(object, "tid", (int64_t)thread);
	json_set(arguments, "name", json_new_string(name));
	json_set(object, "args", arguments);
	return object;
}

int trace_write(const struct trace *trace, const char *path, struct error **err)
{
	cleanup_json struct json *root = json_new_object();
	struct json *events = json_clone(trace->events);
	const char *project = plan_manifest(trace->state->plan)->project.s;
	cleanup_free char *process = project ? mem_printf("cbuild %s", project) : mem_strdup("cbuild");
	cleanup_buf struct buf text = { 0 };

	json_append(events, name_json("process_name", 0, process));
	for (size_t i = 0; i < trace->slots; i++) {
		cleanup_free char *name = mem_printf("slot %zu", i + 1);

		json_append(events, name_json("thread_name", i + 1, name));
	}
	json_set(root, "traceEvents", events);
	json_set_str(root, "displayTimeUnit", "ms");
	json_dump(root, JSON_COMPACT, &text);
	buf_char(&text, '\n');
	return fs_replace(path, text.data, text.len, 0644, err);
}
