#include "config.h"

#include <string.h>

#include "base/buf.h"
#include "base/text.h"
#include "cli/output.h"
#include "cli/report/reporter.h"
#include "engine/plan/plan.h"
#include "engine/plan/plan_json.h"

/* -n: what would be done, and why. */

#define REASONS_SHOWN 4 /* for each node; the rest is counted. JSON has all */

static void plan_text_add_reason(struct buf *out, const struct node *node, const struct reason *reason)
{
	switch (reason->kind) {
	case REASON_NEW:
		buf_str(out, node->kind == NODE_PUSH      ? "never pushed"
			     : node->kind == NODE_TAG     ? "never tagged"
			     : node->kind == NODE_CONVERT ? "never converted"
			     : node->kind == NODE_OUTPUT  ? "never written"
							  : "never built");
		return;
	case REASON_FORCED:
		buf_printf(out, "forced (%s)", reason->what);
		return;
	case REASON_MISSING:
		text_safe(out, reason->what, strlen(reason->what));
		buf_printf(out, " is %s", *reason->change ? reason->change : "missing");
		return;
	case REASON_DEPENDENCY:
		if (strcmp(reason->change, "stale") == 0 || strcmp(reason->change, "unknown") == 0) {
			buf_printf(out, "depends on %s", reason->what);
			return;
		}
		break;
	case REASON_FILE:
	case REASON_DOCKERFILE:
		text_safe(out, reason->what, strlen(reason->what));
		buf_printf(out, " (%s)", reason->change);
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
		buf_str(out, i ? "; " : "");
		plan_text_add_reason(out, node, &node->reasons[i]);
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
