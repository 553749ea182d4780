#include "config.h"

#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/bug.h"
#include "base/error.h"
#include "base/mem.h"
#include "base/table.h"
#include "base/text.h"
#include "cli/report/report_state.h"
#include "dsl/manifest.h"
#include "engine/exec/event.h"
#include "engine/plan/plan.h"

static const struct {
	const char *mark, *color, *meaning;
} outcomes[] = {
	{ "ok", "\x1b[32m", "" },
	{ "same", "\x1b[2m", "what it needs is unchanged" },
	{ "ok", "\x1b[32m", "made by another cbuild in the meantime" },
	{ "FAIL", "\x1b[1;31m", "" },
	{ "skip", "\x1b[33m", "" },
	{ "stop", "\x1b[33m", "interrupted" },
	{ "anew", "\x1b[33m", "" },
};
TABLE_COMPLETE(outcomes, OUTCOMES);

int report_outcome(const struct report_state *state, const struct node *node)
{
	for (size_t i = 0; i < plan_len(state->plan); i++)
		if (plan_node(state->plan, i) == node)
			return state->outcomes[i];
	return -1;
}

const char *report_color(const struct report_state *state, const char *code)
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

/* Without the platform where the run has no other one of it. */
static void brief_name(const struct report_state *state, const struct node *node, struct buf *out)
{
	struct node brief = *node;
	size_t same = 0;

	for (size_t i = 0; i < plan_len(state->plan); i++) {
		const struct node *other = plan_node(state->plan, i);

		same += other->kind == node->kind && other->service == node->service && other->format == node->format;
	}
	brief.has_platform = node->has_platform && same > 1;
	report_node_name(state, &brief, out);
}

const struct node *report_cause(const struct report_state *state, const struct node *node)
{
	for (size_t i = 0; i < node->needs_len; i++) {
		const struct node *need = plan_node(state->plan, node->needs[i]), *deeper;
		int outcome = state->outcomes[node->needs[i]];

		if (outcome == OUTCOME_FAILED || outcome == OUTCOME_CANCELLED || outcome == OUTCOME_OUTDATED)
			return need;
		deeper = outcome == OUTCOME_SKIPPED || outcome < 0 ? report_cause(state, need) : NULL;
		if (deeper)
			return deeper;
	}
	return NULL;
}

static void add_cause(const struct report_state *state, const struct node *node, struct buf *out)
{
	const struct node *cause = report_cause(state, node);
	int outcome = cause ? report_outcome(state, cause) : -1;

	if (!cause)
		return;
	buf_str(out, " (skipped: ");
	brief_name(state, cause, out);
	buf_str(out, outcome == OUTCOME_FAILED      ? " failed)"
		     : outcome == OUTCOME_CANCELLED ? " was interrupted)"
						    : " begins anew)");
}

void report_done_line(const struct report_state *state, const struct event *event, struct buf *out)
{
	buf_printf(out, "%s%-4s%s ", report_color(state, outcomes[event->outcome].color), outcomes[event->outcome].mark,
		   report_color(state, "\x1b[0m"));
	report_node_name(state, event->node, out);
	if (event->outcome == OUTCOME_DONE || event->outcome == OUTCOME_FAILED) {
		buf_str(out, " ");
		text_duration(out, event->took_ms);
	}
	if (*outcomes[event->outcome].meaning)
		buf_printf(out, " (%s)", outcomes[event->outcome].meaning);
	if (event->outcome == OUTCOME_SKIPPED)
		add_cause(state, event->node, out);
	if (event->outcome == OUTCOME_OUTDATED) {
		buf_str(out, " (");
		text_safe(out, event->error->message, strlen(event->error->message));
		buf_char(out, ')');
	}
	buf_char(out, '\n');
	if (event->text) {
		buf_str(out, "     not recorded, the next run builds it again: ");
		text_safe(out, event->text, strlen(event->text));
		buf_char(out, '\n');
	}
}

const char *report_pushed(const struct report_state *state, const struct node *index)
{
	/* "index:web:zstd" -> "push:web:zstd" */
	cleanup_free char *id = mem_printf("push%s", strchr(index->id, ':'));
	size_t found = plan_find(state->plan, id);

	return found == NO_NODE ? NULL : plan_node(state->plan, found)->result.digest;
}

static void note_failure(struct report_state *state, const struct event *event)
{
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

static void report_state_count(struct tally *tally, const struct event *event)
{
	switch (event->outcome) {
	case OUTCOME_DONE:
		tally->built += event->node->kind == NODE_BUILD;
		tally->written += event->node->kind == NODE_OUTPUT;
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
	case OUTCOME_OUTDATED:
		tally->outdated++;
		break;
	case OUTCOMES:
		break;
	}
}

void report_state_init(struct report_state *ret, struct plan *plan, const struct options *options, bool color)
{
	size_t len = plan_len(plan);

	*ret = (struct report_state){ .plan = plan, .options = options, .color = color };
	ret->outcomes = mem_array(len + 1, sizeof(*ret->outcomes));
	for (size_t i = 0; i < len; i++)
		ret->outcomes[i] = -1;
}

void report_state_take(struct report_state *state, const struct event *event)
{
	report_state_count(&state->tally, event);
	if (event->outcome == OUTCOME_FAILED)
		note_failure(state, event);
	for (size_t i = 0; i < plan_len(state->plan); i++) {
		if (plan_node(state->plan, i) == event->node)
			state->outcomes[i] = (int)event->outcome;
	}
}

void report_state_free(struct report_state *state)
{
	free(state->outcomes);
	for (size_t i = 0; i < state->failures_len; i++) {
		free(state->failures[i].message);
		free(state->failures[i].remedy);
		free(state->failures[i].log);
	}
	free(state->failures);
}
