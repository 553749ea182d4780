#include "config.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/error.h"
#include "base/fs.h"
#include "base/mem.h"
#include "base/text.h"
#include "cli/options.h"
#include "cli/output.h"
#include "cli/report/github.h"
#include "cli/report/jsonl.h"
#include "cli/report/report_state.h"
#include "cli/report/reporter.h"
#include "cli/report/summary.h"
#include "cli/report/trace.h"
#include "cli/report/tty.h"
#include "engine/exec/event.h"
#include "engine/io/loop.h"
#include "engine/plan/plan.h"

struct report {
	struct report_state state;
	bool json, github;
	struct live *live;   /* NULL: plain lines */
	struct trace *trace; /* NULL: none is wanted */
};

static void reporter_print(struct report *report, const struct buf *text)
{
	if (report->live)
		live_print(report->live, text->data, text->len);
	else
		fs_write_all(STDERR_FILENO, text->data, text->len, "standard error", NULL);
}

static void reporter_on_done(struct report *report, const struct event *event)
{
	cleanup_buf struct buf line = { 0 };

	if (report->state.options->quiet)
		return;
	if (report->github)
		github_done(&report->state, event, &line);
	else
		report_done_line(&report->state, event, &line);
	reporter_print(report, &line);
}

static void reporter_on_line(struct report *report, const struct event *event)
{
	cleanup_buf struct buf line = { 0 };

	if (!report->state.options->verbose)
		return;
	buf_str(&line, report_color(&report->state, "\x1b[2m"));
	report_node_name(&report->state, event->node, &line);
	buf_printf(&line, " |%s ", report_color(&report->state, "\x1b[0m"));
	text_safe(&line, event->text, event->len);
	buf_char(&line, '\n');
	reporter_print(report, &line);
}

/* Why a node starts. What it needs is called as its own line calls it. */
static void add_first_reason(const struct report *report, const struct node *node, struct buf *out)
{
	const struct reason *reason = &node->reasons[0];
	size_t need = reason->kind == REASON_DEPENDENCY ? plan_find(report->state.plan, reason->what) : NO_NODE;

	buf_str(out, " (");
	if (need != NO_NODE) {
		report_node_name(&report->state, plan_node(report->state.plan, need), out);
		buf_str(out, " has another result");
	} else {
		report_reason(out, node->kind, reason);
	}
	buf_char(out, ')');
}

static void reporter_on_start(struct report *report, const struct event *event)
{
	cleanup_buf struct buf line = { 0 };

	if (report->live || report->state.options->quiet)
		return;
	buf_str(&line, "...  ");
	report_node_name(&report->state, event->node, &line);
	if (event->node->reasons_len > 0)
		add_first_reason(report, event->node, &line);
	buf_char(&line, '\n');
	reporter_print(report, &line);
}

static void on_note(struct report *report, const struct event *event)
{
	cleanup_buf struct buf line = { 0 };

	if (report->state.options->quiet)
		return;
	buf_str(&line, "cbuild: ");
	text_safe(&line, event->text, strlen(event->text));
	buf_char(&line, '\n');
	reporter_print(report, &line);
}

static void on_end(struct report *report, const struct event *event)
{
	cleanup_buf struct buf text = { 0 };

	live_free(report->live);
	report->live = NULL;
	report_summary(&report->state, event->status, event->took_ms, &text);
	reporter_print(report, &text);
}

static void on_show(struct report *report, const struct event *event)
{
	switch (event->kind) {
	case EVENT_NODE_START:
		reporter_on_start(report, event);
		break;
	case EVENT_NODE_LINE:
		reporter_on_line(report, event);
		break;
	case EVENT_NODE_DONE:
		reporter_on_done(report, event);
		break;
	case EVENT_NOTE:
		on_note(report, event);
		break;
	case EVENT_RUN_END:
		on_end(report, event);
		break;
	case EVENT_RUN_START:
	case EVENT_NODE_STEP:
	case EVENT_TICK:
	case EVENT_RESIZE:
		break;
	}
	if (report->live)
		live_event(report->live, event);
}

static void reporter_on_event(void *data, const struct event *event)
{
	struct report *report = data;

	if (event->kind == EVENT_RUN_START) {
		report->state.nodes = event->nodes;
		report->state.stale = event->stale;
		report->state.start_ms = loop_now_ms();
	}
	if (event->kind == EVENT_NODE_DONE)
		report_state_take(&report->state, event);
	if (report->trace)
		trace_event(report->trace, event);
	if (report->json)
		jsonl_event(&report->state, event);
	else
		on_show(report, event);
}

struct report *report_new(struct plan *plan, const struct options *options, struct sink *ret_sink)
{
	struct report *report = mem_alloc(sizeof(*report));
	bool live = strcmp(options->progress, "tty") == 0 || (strcmp(options->progress, "auto") == 0 && output_live());

	report_state_init(&report->state, plan, options, output_color());
	report->json = strcmp(options->progress, "json") == 0;
	if (live && !options->quiet)
		report->live = live_new(&report->state);
	report->github = !report->live && output_github();
	if (options->trace)
		report->trace = trace_new(&report->state);
	*ret_sink = (struct sink){ .event = reporter_on_event, .data = report };
	return report;
}

int report_finish(struct report *report, struct error **err)
{
	return report->trace ? trace_write(report->trace, report->state.options->trace, err) : 0;
}

bool report_is_live(const struct report *report)
{
	return report->live != NULL;
}

void report_free(struct report *report)
{
	if (!report)
		return;
	live_free(report->live);
	trace_free(report->trace);
	report_state_free(&report->state);
	free(report);
}

static void note_nothing(struct plan *plan)
{
	size_t services = 0;

	for (size_t i = 0; i < plan_len(plan); i++)
		services += plan_node(plan, i)->kind == NODE_INDEX && !plan_node(plan, i)->format;
	if (services == 0)
		output_note("nothing to do: %zu node%s up to date", plan_len(plan),
			    plan_len(plan) == 1 ? " is" : "s are");
	else
		output_note("nothing to do: %zu service%s up to date", services, services == 1 ? " is" : "s are");
}

int report_nothing(struct plan *plan, const struct options *options, struct error **err)
{
	const struct report_state state = { .plan = plan, .options = options, .nodes = plan_len(plan) };
	struct trace *trace;
	int r;

	if (strcmp(options->progress, "json") == 0)
		jsonl_nothing(&state);
	else if (!options->quiet)
		note_nothing(plan);
	if (!options->trace)
		return 0;
	trace = trace_new(&state);
	r = trace_write(trace, options->trace, err);
	trace_free(trace);
	return r;
}
