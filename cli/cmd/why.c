#include "config.h"

#include <string.h>
#include <time.h>

#include "base/buf.h"
#include "base/error.h"
#include "base/json.h"
#include "base/mem.h"
#include "base/text.h"
#include "cli/cmd/commands.h"
#include "cli/options.h"
#include "cli/output.h"
#include "cli/report/reporter.h"
#include "cli/session.h"
#include "dsl/manifest.h"
#include "engine/plan/inputs.h"
#include "engine/plan/plan.h"
#include "engine/plan/why_stale.h"
#include "engine/state/state.h"

static void why_add_when(struct buf *out, int64_t when_ms)
{
	time_t seconds = (time_t)(when_ms / 1000);
	struct tm tm;
	char text[64];

	localtime_r(&seconds, &tm);
	strftime(text, sizeof(text), "%Y-%m-%d %H:%M:%S %z", &tm);
	buf_str(out, text);
}

static const char *done_word(enum node_kind kind)
{
	switch (kind) {
	case NODE_BUILD:
		return "built";
	case NODE_OUTPUT:
		return "written";
	case NODE_CONVERT:
		return "converted";
	case NODE_LOAD:
		return "loaded";
	case NODE_VERIFY:
		return "verified";
	case NODE_PUSH:
		return "pushed";
	case NODE_TAG:
		return "tagged";
	default:
		return "made";
	}
}

static void add_done(struct buf *out, const struct node *node, const struct record *record)
{
	buf_printf(out, "%s ", done_word(node->kind));
	why_add_when(out, record->when_ms);
	if (record->builder && *record->builder) {
		buf_str(out, " with ");
		text_safe(out, record->builder, strlen(record->builder));
	}
	buf_str(out, " in ");
	text_duration(out, (uint64_t)record->took_ms);
}

static void why_add_value(struct buf *out, const char *label, const char *value, const char *absent)
{
	buf_printf(out, "    %s  ", label);
	if (!value)
		buf_str(out, absent);
	else if (value != INPUT_NONE && !*value)
		buf_str(out, "\"\"");
	else
		text_safe(out, value, strlen(value));
	buf_char(out, '\n');
}

static void why_add_change(struct buf *out, const struct input_change *change)
{
	buf_printf(out, "  %s ", reason_kind_name(change->kind));
	text_safe(out, change->name, strlen(change->name));
	buf_char(out, '\n');
	why_add_value(out, "was", change->was, "(was not there)");
	why_add_value(out, "now", change->now, "(is gone)");
}

/* Whether a reason is only a shorter form of one of the changes. */
static bool is_told(const struct why *why, const struct reason *reason)
{
	for (size_t i = 0; i < why->changes_len; i++) {
		if (why->changes[i].kind == reason->kind && strcmp(why->changes[i].name, reason->what) == 0)
			return true;
	}
	return false;
}

static void why_add_reason(struct buf *out, const struct node *node, const struct reason *reason)
{
	buf_str(out, "  ");
	report_reason(out, node->kind, reason);
	buf_char(out, '\n');
}

static void why_add_text(struct buf *out, const struct node *node, const struct why *why)
{
	buf_printf(out, "%s  %s\n", node->id, node->state == NODE_FRESH ? "up to date" : node_state_name(node->state));
	if (why->last) {
		buf_str(out, node->state == NODE_FRESH ? "  " : "  last ");
		add_done(out, node, why->last);
		buf_char(out, '\n');
	}
	if (node->state == NODE_FRESH)
		return;
	for (size_t i = 0; i < why->changes_len; i++)
		why_add_change(out, &why->changes[i]);
	for (size_t i = 0; i < node->reasons_len; i++) {
		if (!is_told(why, &node->reasons[i]))
			why_add_reason(out, node, &node->reasons[i]);
	}
}

static struct json *last_json(const struct record *record)
{
	struct json *object = json_new_object();

	json_set_int(object, "when_ms", record->when_ms);
	json_set_int(object, "took_ms", record->took_ms);
	json_set_str(object, "builder", record->builder);
	json_set_str(object, "key", record->key);
	return object;
}

/* A missing value is left out. */
static struct json *change_json(const struct input_change *change)
{
	struct json *object = json_new_object();

	json_set_str(object, "kind", reason_kind_name(change->kind));
	json_set_str(object, "name", change->name);
	json_set_str(object, "was", change->was == INPUT_NONE ? NULL : change->was);
	json_set_str(object, "now", change->now == INPUT_NONE ? NULL : change->now);
	return object;
}

static struct json *why_node_json(const struct node *node, const struct why *why)
{
	struct json *object = json_new_object();
	struct json *changes = json_new_array();
	struct json *reasons = json_new_array();

	json_set_str(object, "node", node->id);
	json_set_str(object, "state", node_state_name(node->state));
	json_set_str(object, "key", node->key[0] ? node->key : NULL);
	if (why->last)
		json_set(object, "last", last_json(why->last));
	for (size_t i = 0; i < why->changes_len; i++)
		json_append(changes, change_json(&why->changes[i]));
	for (size_t i = 0; i < node->reasons_len; i++) {
		struct json *reason = json_new_object();

		if (!is_told(why, &node->reasons[i])) {
			json_set_str(reason, "kind", reason_kind_name(node->reasons[i].kind));
			json_set_str(reason, "what", node->reasons[i].what);
			json_set_str(reason, "change", node->reasons[i].change);
			json_append(reasons, reason);
		} else {
			json_free(reason);
		}
	}
	json_set(object, "changes", changes);
	json_set(object, "reasons", reasons);
	return object;
}

static bool why_wanted(const struct session *session, const struct node *node)
{
	const struct manifest *manifest = session->manifest;
	const char *word = session->options->targets[0];
	long service = manifest_service(manifest, word);

	if (strchr(word, ':'))
		return strcmp(word, node->id) == 0;
	return service >= 0 && (node->service == (size_t)service ||
				(node->kind != NODE_VERIFY && node->service == manifest->services[service].maker));
}

static int print_why(struct session *session, struct error **err)
{
	cleanup_buf struct buf out = { 0 };
	cleanup_json struct json *list = json_new_array();

	for (size_t i = 0; i < plan_len(session->plan); i++) {
		const struct node *node = plan_node(session->plan, i);
		struct why *why;

		if (!why_wanted(session, node))
			continue;
		if (why_node(session->plan, session->state, i, &why, err) < 0)
			return -1;
		why_add_text(&out, node, why);
		json_append(list, why_node_json(node, why));
		why_free(why);
	}
	if (json_len(list) == 0)
		return error_make(err, ERROR_USAGE, "there is no node \"%s\"", session->options->targets[0]);
	if (strcmp(session->options->format, "json") == 0)
		return output_list("nodes", list, err);
	return output_data(out.data, out.len, err);
}

/* "build:web:linux/amd64" is a node of the service "web". malloc'd. */
static char *why_service_of(const char *word)
{
	const char *start = strchr(word, ':');

	start = start ? start + 1 : word;
	return mem_strndup(start, strcspn(start, ":"));
}

int cmd_why(const struct options *options, struct error **err)
{
	struct session_plan want = { .load = !options->no_load, .verify = !options->no_verify };
	cleanup_free char *service = NULL;
	const char *targets[2] = { 0 };
	struct session session;
	int r;

	if (options->targets_len != 1)
		return error_make(err, ERROR_USAGE, "`cbuild why` takes one service or node");
	service = why_service_of(options->targets[0]);
	targets[0] = service;
	want.targets = targets;
	r = session_open(&session, options, err);
	if (r == 0)
		r = session_plan(&session, &want, err);
	if (r == 0)
		r = print_why(&session, err);
	session_close(&session);
	return r;
}
