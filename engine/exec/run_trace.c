#include "config.h"

#include "base/error.h"
#include "base/json.h"
#include "base/mem.h"
#include "base/debug_trace.h"
#include "engine/exec/event.h"
#include "engine/exec/run_trace.h"
#include "engine/plan/plan_node.h"

static void trace_reason(struct json *line, const struct reason *reason)
{
	cleanup_free char *text = mem_printf("%s%s%s%s%s", reason_kind_name(reason->kind), *reason->what ? " " : "",
					     reason->what, *reason->change ? ": " : "", reason->change);

	trace_add(line, "reasons", text);
}

void run_trace_decision(const struct node *node)
{
	struct json *line;

	if (!trace_on())
		return;
	line = trace_begin("decision");
	trace_str(line, "node", node->id);
	trace_str(line, "state", node_state_name(node->state));
	json_set_str(line, "hash", node->key[0] ? node->key : NULL);
	for (size_t i = 0; i < node->reasons_len; i++)
		trace_reason(line, &node->reasons[i]);
	trace_end(line);
}

static struct json *trace_node(const char *name, const struct event *event)
{
	struct json *line = trace_begin(name);

	trace_str(line, "node", event->node->id);
	return line;
}

static struct json *trace_done(const struct event *event)
{
	struct json *line = trace_node("node_end", event);

	trace_str(line, "outcome", outcome_name(event->outcome));
	json_set_int(line, "took_ms", (int64_t)event->took_ms);
	trace_str(line, "remark", event->text);
	trace_error(line, event->error);
	return line;
}

static struct json *trace_note(const struct event *event)
{
	struct json *line = trace_begin("note");

	trace_str(line, "text", event->text);
	return line;
}

static struct json *trace_run(const char *name, const struct event *event)
{
	struct json *line = trace_begin(name);

	if (event->kind == EVENT_RUN_END) {
		json_set_int(line, "status", event->status);
		json_set_int(line, "took_ms", (int64_t)event->took_ms);
	} else {
		json_set_int(line, "nodes", (int64_t)event->nodes);
		json_set_int(line, "stale", (int64_t)event->stale);
	}
	return line;
}

void run_trace_event(const struct event *event)
{
	struct json *line = NULL;

	if (!trace_on())
		return;
	switch (event->kind) {
	case EVENT_RUN_START:
		line = trace_run("run_start", event);
		break;
	case EVENT_RUN_END:
		line = trace_run("run_end", event);
		break;
	case EVENT_NODE_START:
		line = trace_node("node_start", event);
		break;
	case EVENT_NODE_DONE:
		line = trace_done(event);
		break;
	case EVENT_NOTE:
		line = trace_note(event);
		break;
	case EVENT_NODE_LINE:
	case EVENT_NODE_STEP:
	case EVENT_TICK:
	case EVENT_RESIZE:
		return;
	}
	trace_end(line);
}
