#include "config.h"

#include <string.h>

#include "base/buf.h"
#include "base/json.h"
#include "base/text.h"
#include "cli/output.h"
#include "cli/report/report.h"
#include "dsl/manifest.h"
#include "engine/plan/plan.h"

/* -n: what would be done, and why. */

#define REASONS_SHOWN 4 /* a node; the rest is counted. JSON has all */

static void add_reason(struct buf *out, const struct reason *reason)
{
	switch (reason->kind) {
	case REASON_NEW:
		buf_str(out, "never built");
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
		break;
	}
	buf_printf(out, "%s ", reason_kind_name(reason->kind));
	text_safe(out, reason->what, strlen(reason->what));
	buf_str(out, ": ");
	text_safe(out, reason->change, strlen(reason->change));
}

bool report_reasons(struct buf *out, const struct node *node)
{
	/* For what was never built, and for what is forced, nothing else matters. */
	bool enough = node->reasons_len > 0 &&
		      (node->reasons[0].kind == REASON_NEW || node->reasons[0].kind == REASON_FORCED);
	size_t shown = enough ? 1 : node->reasons_len < REASONS_SHOWN ? node->reasons_len : REASONS_SHOWN;

	for (size_t i = 0; i < shown; i++) {
		buf_str(out, i ? "; " : "");
		add_reason(out, &node->reasons[i]);
	}
	if (node->reasons_len > shown && !enough)
		buf_printf(out, "; and %zu more", node->reasons_len - shown);
	return shown > 0;
}

static void add_node(struct buf *out, const struct node *node, int width)
{
	buf_printf(out, "%-8s %-*s%s", node_state_name(node->state), node->reasons_len ? width : 0, node->id,
		   node->reasons_len ? "  " : "");
	report_reasons(out, node);
	buf_char(out, '\n');
}

int report_plan_text(struct plan *plan, bool all, struct error **err)
{
	cleanup_buf struct buf out = { 0 };
	size_t counts[3] = { 0 };
	int width = 0;

	for (size_t i = 0; i < plan_len(plan); i++) {
		const struct node *node = plan_node(plan, i);
		int len = (int)strlen(node->id);

		counts[node->state]++;
		if (node->state != NODE_FRESH && len > width)
			width = len;
	}
	for (size_t i = 0; i < plan_len(plan); i++) {
		if (all || plan_node(plan, i)->state != NODE_FRESH)
			add_node(&out, plan_node(plan, i), width);
	}
	buf_printf(&out, "%zu stale, %zu decided while running, %zu fresh\n", counts[NODE_STALE], counts[NODE_UNKNOWN],
		   counts[NODE_FRESH]);
	return output_data(out.data, out.len, err);
}

static struct json *reasons_json(const struct node *node)
{
	struct json *list = json_new_array();

	for (size_t i = 0; i < node->reasons_len; i++) {
		struct json *reason = json_new_object();

		json_set_str(reason, "kind", reason_kind_name(node->reasons[i].kind));
		json_set(reason, "what", json_new_string(node->reasons[i].what));
		json_set(reason, "change", json_new_string(node->reasons[i].change));
		json_append(list, reason);
	}
	return list;
}

static struct json *node_json(struct plan *plan, const struct node *node)
{
	struct json *object = json_new_object();
	struct json *needs = json_new_array();
	char platform[PLATFORM_TEXT];

	json_set_str(object, "id", node->id);
	json_set_str(object, "kind", node_kind_name(node->kind));
	json_set_str(object, "service", plan_manifest(plan)->services[node->service].name.s);
	platform_text(&node->platform, platform);
	json_set_str(object, "platform", node->has_platform ? platform : NULL);
	json_set_str(object, "key", node->key[0] ? node->key : NULL);
	json_set_str(object, "state", node_state_name(node->state));
	json_set(object, "reasons", reasons_json(node));
	for (size_t i = 0; i < node->needs_len; i++)
		json_append(needs, json_new_string(plan_node(plan, node->needs[i])->id));
	json_set(object, "needs", needs);
	return object;
}

int report_plan_json(struct plan *plan, struct error **err)
{
	cleanup_buf struct buf out = { 0 };
	cleanup_json struct json *root = json_new_object();
	struct json *nodes = json_new_array();

	json_set_int(root, "version", 1);
	for (size_t i = 0; i < plan_len(plan); i++)
		json_append(nodes, node_json(plan, plan_node(plan, i)));
	json_set(root, "nodes", nodes);
	json_dump(root, JSON_INDENT, &out);
	buf_char(&out, '\n');
	return output_data(out.data, out.len, err);
}
