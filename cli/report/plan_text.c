#include "config.h"

#include <string.h>

#include "base/buf.h"
#include "base/table.h"
#include "base/text.h"
#include "cli/output.h"
#include "cli/report/reporter.h"
#include "engine/plan/plan.h"
#include "engine/plan/plan_json.h"

/* -n: what would be done, and why. */

#define REASONS_SHOWN 4 /* for each node; the rest is counted. JSON has all */

static const char *never_done(enum node_kind kind)
{
	static const char *const words[] = { "never run",       "never built",  "never written",
					     "never converted", "never made",   "never loaded",
					     "never verified",  "never pushed", "never tagged" };
	TABLE_COMPLETE(words, NODE_KINDS);

	return words[kind];
}

/* What has changed about a file: "web/app changed". */
static void add_file_reason(struct buf *out, const struct reason *reason)
{
	static const struct {
		const char *change, *sentence;
	} sentences[] = {
		{ "content", " changed" },
		{ "added", " was added" },
		{ "removed", " was removed" },
		{ "mode", " has another mode" },
		{ "attributes", " has other attributes" },
		{ "type", " is another kind of file" },
		{ "changed by hand", " was changed by hand" },
		{ "no longer made", " is no longer made" },
	};
	size_t i = 0;

	while (i < sizeof(sentences) / sizeof(sentences[0]) && strcmp(reason->change, sentences[i].change) != 0)
		i++;
	text_safe(out, reason->what, strlen(reason->what));
	if (i < sizeof(sentences) / sizeof(sentences[0]))
		buf_str(out, sentences[i].sentence);
	else
		buf_printf(out, " (%s)", reason->change);
}

/* For a node that is not done yet. */
static bool waits(const struct reason *reason)
{
	return reason->kind == REASON_DEPENDENCY &&
	       (strcmp(reason->change, "stale") == 0 || strcmp(reason->change, "unknown") == 0);
}

void report_reason(struct buf *out, enum node_kind kind, const struct reason *reason)
{
	switch (reason->kind) {
	case REASON_NEW:
		buf_str(out, never_done(kind));
		return;
	case REASON_FORCED:
		buf_printf(out, "forced (%s)", reason->what);
		return;
	case REASON_MISSING:
		text_safe(out, reason->what, strlen(reason->what));
		buf_printf(out, " %s %s", strcmp(reason->change, "deleted") == 0 ? "was" : "is",
			   *reason->change ? reason->change : "missing");
		return;
	case REASON_DEPENDENCY:
		if (waits(reason))
			buf_printf(out, "waits for %s", reason->what);
		else if (strcmp(reason->change, "added") == 0)
			buf_printf(out, "needs %s now", reason->what);
		else if (strcmp(reason->change, "removed") == 0)
			buf_printf(out, "no longer needs %s", reason->what);
		else
			buf_printf(out, "%s has another result", reason->what);
		return;
	case REASON_FILE:
	case REASON_DOCKERFILE:
		add_file_reason(out, reason);
		return;
	case REASON_ARG:
	case REASON_BASE:
	case REASON_OPTION:
	case REASON_URL:
	case REASON_KINDS:
		break;
	}
	buf_str(out, reason_kind_name(reason->kind));
	buf_char(out, ' ');
	text_safe(out, reason->what, strlen(reason->what));
	buf_str(out, ": ");
	text_safe(out, reason->change, strlen(reason->change));
}

bool report_reasons(struct buf *out, const struct node *node)
{
	/* For what was never built, or is forced, nothing else matters. */
	bool enough = node->reasons_len > 0 &&
		      (node->reasons[0].kind == REASON_NEW || node->reasons[0].kind == REASON_FORCED);
	size_t shown = enough ? 1 : node->reasons_len < REASONS_SHOWN ? node->reasons_len : REASONS_SHOWN;

	for (size_t i = 0; i < shown; i++) {
		if (i > 0 && waits(&node->reasons[i]) && waits(&node->reasons[i - 1])) {
			buf_printf(out, ", %s", node->reasons[i].what);
			continue;
		}
		buf_str(out, i ? "; " : "");
		report_reason(out, node->kind, &node->reasons[i]);
	}
	if (node->reasons_len > shown && !enough)
		buf_printf(out, "; and %zu more", node->reasons_len - shown);
	return shown > 0;
}

static void add_padded(struct buf *out, const char *text, size_t width)
{
	size_t len = strlen(text);

	buf_add(out, text, len);
	for (; len < width; len++)
		buf_char(out, ' ');
}

static void plan_text_add_node(struct buf *out, const struct node *node, size_t width)
{
	add_padded(out, node_state_name(node->state), 8);
	buf_char(out, ' ');
	add_padded(out, node->id, node->reasons_len ? width : 0);
	buf_str(out, node->reasons_len ? "  " : "");
	report_reasons(out, node);
	buf_char(out, '\n');
}

int report_plan_text(struct plan *plan, bool all, struct error **err)
{
	cleanup_buf struct buf out = { 0 };
	size_t counts[NODE_STATES] = { 0 };
	size_t width = 0;

	for (size_t i = 0; i < plan_len(plan); i++) {
		const struct node *node = plan_node(plan, i);
		size_t len = strlen(node->id);

		counts[node->state]++;
		if (node->state != NODE_FRESH && len > width)
			width = len;
	}
	for (size_t i = 0; i < plan_len(plan); i++) {
		if (all || plan_node(plan, i)->state != NODE_FRESH)
			plan_text_add_node(&out, plan_node(plan, i), width);
	}
	buf_printf(&out, "%zu to do, ", counts[NODE_STALE]);
	if (counts[NODE_UNKNOWN] > 0)
		buf_printf(&out, "%zu decided while running, ", counts[NODE_UNKNOWN]);
	buf_printf(&out, "%zu up to date\n", counts[NODE_FRESH]);
	return output_data(out.data, out.len, err);
}

int report_plan_json(struct plan *plan, struct error **err)
{
	cleanup_buf struct buf out = { 0 };

	plan_json(plan, true, &out);
	buf_char(&out, '\n');
	return output_data(out.data, out.len, err);
}
