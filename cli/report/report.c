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
#include "cli/report/report.h"
#include "cli/report/trace.h"
#include "dsl/manifest.h"
#include "engine/exec/event.h"
#include "engine/io/loop.h"
#include "engine/plan/plan.h"

struct report {
	struct report_state state;
	bool json, github;
	struct live *live;   /* NULL: plain lines */
	struct trace *trace; /* NULL: none is wanted */
};

const char *report_outcome_name(int outcome)
{
	static const char *const names[] = {
		[OUTCOME_DONE] = "done",     [OUTCOME_FRESH] = "fresh",     [OUTCOME_REUSED] = "reused",
		[OUTCOME_FAILED] = "failed", [OUTCOME_SKIPPED] = "skipped", [OUTCOME_CANCELLED] = "cancelled",
	};

	return names[outcome];
}

static void print(struct report *report, const struct buf *text)
{
	if (report->live)
		live_print(report->live, text->data, text->len);
	else
		fs_write_all(STDERR_FILENO, text->data, text->len, "standard error", NULL);
}

static const char *color(const struct report_state *state, const char *code)
{
	return state->color ? code : "";
}

void report_node_name(const struct report_state *state, const struct node *node, struct buf *out)
{
	const struct service *service = &plan_manifest(state->plan)->services[node->service];
	char platform[PLATFORM_TEXT];

	buf_printf(out, "%s %s%s%s", node_kind_name(node->kind), service->name.s, node->format ? " " : "",
		   node->format ? node->format->name.s : "");
	if (!node->has_platform)
		return;
	platform_text(&node->platform, platform);
	buf_printf(out, " %s", platform);
}

void report_done_line(const struct report_state *state, const struct event *event, struct buf *out)
{
	static const struct {
		const char *mark, *color, *word;
	} looks[] = {
		[OUTCOME_DONE] = { "ok", "\x1b[32m", "" },
		[OUTCOME_FRESH] = { "same", "\x1b[2m", "what it needs came out the same" },
		[OUTCOME_REUSED] = { "ok", "\x1b[32m", "made by another cbuild meanwhile" },
		[OUTCOME_FAILED] = { "FAIL", "\x1b[1;31m", "" },
		[OUTCOME_SKIPPED] = { "skip", "\x1b[33m", "something it needs failed" },
		[OUTCOME_CANCELLED] = { "stop", "\x1b[33m", "interrupted" },
	};

	buf_printf(out, "%s%-4s%s ", color(state, looks[event->outcome].color), looks[event->outcome].mark,
		   color(state, "\x1b[0m"));
	report_node_name(state, event->node, out);
	if (event->outcome == OUTCOME_DONE || event->outcome == OUTCOME_FAILED) {
		buf_str(out, " ");
		text_duration(out, event->took_ms);
	}
	if (*looks[event->outcome].word)
		buf_printf(out, " (%s)", looks[event->outcome].word);
	buf_char(out, '\n');
	if (event->text) {
		buf_str(out, "     not recorded, the next run builds it again: ");
		text_safe(out, event->text, strlen(event->text));
		buf_char(out, '\n');
	}
}

static void note_failure(struct report *report, const struct event *event)
{
	struct report_state *state = &report->state;
	struct failure *failure;

	mem_reserve(&state->failures, &state->failures_cap, state->failures_len + 1, sizeof(*state->failures));
	failure = &state->failures[state->failures_len++];
	*failure = (struct failure){
		.node = event->node,
		.message = mem_strdup(event->error ? event->error->message : ""),
		.remedy = event->error && event->error->remedy ? mem_strdup(event->error->remedy) : NULL,
		.log = event->log ? mem_strdup(event->log) : NULL,
	};
}

static void count(struct tally *tally, const struct event *event)
{
	switch (event->outcome) {
	case OUTCOME_DONE:
		tally->built += event->node->kind == NODE_BUILD;
		tally->converted += event->node->kind == NODE_CONVERT;
		tally->prepared += event->node->kind == NODE_PREPARE;
		tally->loaded += event->node->kind == NODE_LOAD;
		tally->pushed += event->node->kind == NODE_PUSH;
		tally->tagged += event->node->kind == NODE_TAG;
		tally->pushed_bytes += event->node->kind == NODE_PUSH ? event->node->result.size : 0;
		tally->verified += event->node->kind == NODE_VERIFY;
		break;
	case OUTCOME_FRESH:
		tally->fresh++;
		break;
	case OUTCOME_REUSED:
		tally->reused++;
		break;
	case OUTCOME_FAILED:
		tally->failed++;
		break;
	case OUTCOME_SKIPPED:
		tally->skipped++;
		break;
	case OUTCOME_CANCELLED:
		tally->cancelled++;
		break;
	}
}

/* What the end shows. */
static void keep(struct report *report, const struct event *event)
{
	struct report_state *state = &report->state;

	count(&state->tally, event);
	if (event->outcome == OUTCOME_FAILED)
		note_failure(report, event);
	for (size_t i = 0; i < plan_len(state->plan); i++) {
		if (plan_node(state->plan, i) == event->node)
			state->outcomes[i] = (int)event->outcome;
	}
}

static void on_done(struct report *report, const struct event *event)
{
	cleanup_buf struct buf line = { 0 };

	if (report->state.options->quiet)
		return;
	if (report->github)
		github_done(&report->state, event, &line);
	else
		report_done_line(&report->state, event, &line);
	print(report, &line);
}

static void on_line(struct report *report, const struct event *event)
{
	cleanup_buf struct buf line = { 0 };

	if (!report->state.options->verbose)
		return;
	buf_str(&line, color(&report->state, "\x1b[2m"));
	report_node_name(&report->state, event->node, &line);
	buf_printf(&line, " |%s ", color(&report->state, "\x1b[0m"));
	text_safe(&line, event->text, event->len);
	buf_char(&line, '\n');
	print(report, &line);
}

static void on_start(struct report *report, const struct event *event)
{
	cleanup_buf struct buf line = { 0 };

	if (report->live || report->state.options->quiet)
		return;
	buf_str(&line, "...  ");
	report_node_name(&report->state, event->node, &line);
	for (size_t i = 0; i < event->node->reasons_len && i < 1; i++) {
		const struct reason *reason = &event->node->reasons[i];

		buf_printf(&line, "  [%s", reason_kind_name(reason->kind));
		if (reason->kind != REASON_NEW) {
			buf_str(&line, " ");
			text_safe(&line, reason->what, strlen(reason->what));
		}
		buf_str(&line, "]");
	}
	buf_char(&line, '\n');
	print(report, &line);
}

static void on_note(struct report *report, const struct event *event)
{
	cleanup_buf struct buf line = { 0 };

	if (report->state.options->quiet)
		return;
	buf_str(&line, "cbuild: ");
	text_safe(&line, event->text, strlen(event->text));
	buf_char(&line, '\n');
	print(report, &line);
}

static void on_end(struct report *report, const struct event *event)
{
	cleanup_buf struct buf text = { 0 };

	live_free(report->live);
	report->live = NULL;
	report_summary(&report->state, event->status, event->took_ms, &text);
	print(report, &text);
}

static void on_show(struct report *report, const struct event *event)
{
	switch (event->kind) {
	case EVENT_NODE_START:
		on_start(report, event);
		break;
	case EVENT_NODE_LINE:
		on_line(report, event);
		break;
	case EVENT_NODE_DONE:
		on_done(report, event);
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

static void on_event(void *data, const struct event *event)
{
	struct report *report = data;

	if (event->kind == EVENT_RUN_START) {
		report->state.nodes = event->nodes;
		report->state.stale = event->stale;
		report->state.start_ms = loop_now_ms();
	}
	if (event->kind == EVENT_NODE_DONE)
		keep(report, event);
	if (report->trace)
		trace_event(report->trace, event);
	if (report->json)
		jsonl_event(&report->state, event);
	else
		on_show(report, event);
}

static bool is_github(void)
{
	const char *value = getenv("GITHUB_ACTIONS");

	return value && strcmp(value, "true") == 0;
}

struct report *report_new(struct plan *plan, const struct options *options, struct sink *ret_sink)
{
	struct report *report = mem_alloc(sizeof(*report));
	bool live = strcmp(options->progress, "tty") == 0 || (strcmp(options->progress, "auto") == 0 && output_live());
	size_t len = plan_len(plan);

	report->state = (struct report_state){ .plan = plan, .options = options, .color = output_color() };
	report->state.outcomes = mem_array(len + 1, sizeof(*report->state.outcomes));
	for (size_t i = 0; i < len; i++)
		report->state.outcomes[i] = -1;
	report->json = strcmp(options->progress, "json") == 0;
	if (live && !options->quiet)
		report->live = live_new(&report->state);
	report->github = !report->live && is_github();
	if (options->trace)
		report->trace = trace_new(&report->state);
	*ret_sink = (struct sink){ .event = on_event, .data = report };
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
	free(report->state.outcomes);
	for (size_t i = 0; i < report->state.failures_len; i++) {
		free(report->state.failures[i].message);
		free(report->state.failures[i].remedy);
		free(report->state.failures[i].log);
	}
	free(report->state.failures);
	free(report);
}

static void note_nothing(struct plan *plan)
{
	size_t services = 0;

	for (size_t i = 0; i < plan_len(plan); i++)
		services += plan_node(plan, i)->kind == NODE_INDEX && !plan_node(plan, i)->format;
	if (services == 0)
		output_note("nothing to do: %zu node%s fresh", plan_len(plan), plan_len(plan) == 1 ? " is" : "s are");
	else
		output_note("nothing to do: %zu service%s fresh", services, services == 1 ? " is" : "s are");
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
