#include "config.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/cbuild_version.h"
#include "base/clock.h"
#include "base/error.h"
#include "base/fs.h"
#include "base/json.h"
#include "base/mem.h"
#include "cli/report/jsonl.h"
#include "cli/report/report_state.h"
#include "dsl/manifest.h"
#include "engine/exec/event.h"
#include "engine/io/proc.h"
#include "engine/plan/plan.h"
#include "engine/plan/plan_json.h"

#define FORMAT_VERSION 1 /* raise it when a field changes its meaning or is removed, not for new fields */

struct json *jsonl_begin(const char *name)
{
	struct json *object = json_new_object();

	json_set_str(object, "event", name);
	json_set_int(object, "time_ms", clock_unix_ms());
	return object;
}

void jsonl_print(const struct json *object)
{
	cleanup_buf struct buf line = { 0 };

	json_dump(object, JSON_COMPACT, &line);
	buf_char(&line, '\n');
	/* If this fails, there is nowhere to report it. */
	fs_write_all(STDERR_FILENO, line.data, line.len, "standard error", NULL);
}

struct json *jsonl_bytes(const char *data, size_t len)
{
	cleanup_free char *text = mem_strndup(data, len);

	return json_new_string(text);
}

static void set_node(const struct report_state *state, const struct node *node, struct json *object)
{
	char platform[PLATFORM_TEXT];

	platform_text(&node->platform, platform);
	json_set_str(object, "node", node->id);
	json_set_str(object, "kind", node_kind_name(node->kind));
	json_set_str(object, "service", plan_manifest(state->plan)->services[node->service].name.s);
	json_set_str(object, "platform", node->has_platform ? platform : NULL);
}

static void run_start(const struct report_state *state)
{
	cleanup_json struct json *object = json_new_object();

	json_set_int(object, "version", FORMAT_VERSION);
	json_set_str(object, "event", "run_start");
	json_set_int(object, "time_ms", clock_unix_ms());
	json_set_str(object, "cbuild", cbuild_version);
	json_set_int(object, "nodes", (int64_t)state->nodes);
	json_set_int(object, "stale", (int64_t)state->stale);
	jsonl_print(object);
}

static void node_start(const struct report_state *state, const struct event *event)
{
	cleanup_json struct json *object = jsonl_begin("node_start");

	set_node(state, event->node, object);
	json_set_int(object, "slot", (int64_t)event->slot);
	json_set(object, "reasons", plan_reasons_json(event->node));
	json_set_str(object, "log", event->log);
	jsonl_print(object);
}

static void node_line(const struct event *event)
{
	cleanup_json struct json *object = jsonl_begin("node_line");

	json_set_str(object, "node", event->node->id);
	json_set(object, "text", jsonl_bytes(event->text, event->len));
	jsonl_print(object);
}

/* 0 means unknown and is left out. */
static void set_told(struct json *object, const char *name, uint64_t number)
{
	if (number)
		json_set_int(object, name, (int64_t)number);
}

static void node_step(const struct event *event)
{
	const struct progress *progress = event->progress;
	cleanup_json struct json *object = jsonl_begin("node_step");

	json_set_str(object, "node", event->node->id);
	set_told(object, "stage", progress->stage);
	set_told(object, "stages", progress->stages);
	set_told(object, "step", progress->step);
	set_told(object, "steps", progress->steps);
	if (progress->name)
		json_set(object, "name", jsonl_bytes(progress->name, progress->name_len));
	set_told(object, "bytes", progress->bytes);
	set_told(object, "total_bytes", progress->total);
	jsonl_print(object);
}

static struct json *error_json(const struct error *error)
{
	struct json *object = json_new_object();

	json_set_int(object, "status", (int64_t)error->cls);
	json_set(object, "message", json_new_string(error->message));
	if (error->remedy)
		json_set(object, "remedy", json_new_string(error->remedy));
	return object;
}

static void node_done(const struct report_state *state, const struct event *event)
{
	cleanup_json struct json *object = jsonl_begin("node_done");
	const struct result *result = &event->node->result;
	bool good = outcome_good(event->outcome);

	set_node(state, event->node, object);
	json_set_str(object, "outcome", outcome_name(event->outcome));
	json_set_int(object, "took_ms", (int64_t)event->took_ms);
	json_set_str(object, "digest", good ? result->digest : NULL);
	if (good)
		set_told(object, "bytes", result->size);
	if (event->text)
		json_set(object, "not_recorded", json_new_string(event->text));
	if ((event->outcome == OUTCOME_FAILED || event->outcome == OUTCOME_OUTDATED) && event->error)
		json_set(object, "error", error_json(event->error));
	if (event->outcome == OUTCOME_SKIPPED && report_cause(state, event->node))
		json_set_str(object, "cause", report_cause(state, event->node)->id);
	json_set_str(object, "log", event->log);
	jsonl_print(object);
}

static void jsonl_note(const struct event *event)
{
	cleanup_json struct json *object = jsonl_begin("note");

	json_set(object, "text", json_new_string(event->text));
	jsonl_print(object);
}

static struct json *counts_json(const struct report_state *state)
{
	const struct tally *tally = &state->tally;
	struct json *counts = json_new_object();

	json_set_int(counts, "prepared", (int64_t)tally->prepared);
	json_set_int(counts, "built", (int64_t)tally->built);
	json_set_int(counts, "written", (int64_t)tally->written);
	json_set_int(counts, "converted", (int64_t)tally->converted);
	json_set_int(counts, "loaded", (int64_t)tally->loaded);
	json_set_int(counts, "verified", (int64_t)tally->verified);
	json_set_int(counts, "pushed", (int64_t)tally->pushed);
	json_set_int(counts, "tagged", (int64_t)tally->tagged);
	json_set_int(counts, "reused", (int64_t)tally->reused);
	json_set_int(counts, "fresh", (int64_t)(state->nodes - state->stale + tally->fresh));
	json_set_int(counts, "failed", (int64_t)tally->failed);
	json_set_int(counts, "skipped", (int64_t)tally->skipped);
	json_set_int(counts, "cancelled", (int64_t)tally->cancelled);
	json_set_int(counts, "outdated", (int64_t)tally->outdated);
	return counts;
}

static struct json *images_json(const struct report_state *state)
{
	struct json *images = json_new_array();

	for (size_t i = 0; i < plan_len(state->plan); i++) {
		const struct node *node = plan_node(state->plan, i);
		const char *const *references;
		struct json *image, *list;

		if (node->kind != NODE_INDEX || !node->result.digest || !plan_is_target(state->plan, node->service))
			continue;
		image = json_new_object();
		list = json_new_array();
		references = node->references;
		json_set_str(image, "service", plan_manifest(state->plan)->services[node->service].name.s);
		json_set_str(image, "format", node->format ? node->format->name.s : NULL);
		for (size_t j = 0; references[j]; j++)
			json_append(list, json_new_string(references[j]));
		json_set(image, "references", list);
		json_set_str(image, "digest", node->result.digest);
		json_set_str(image, "pushed", report_pushed(state, node));
		json_append(images, image);
	}
	return images;
}

static struct json *files_json(const struct report_state *state)
{
	struct json *files = json_new_array();

	for (size_t i = 0; i < plan_len(state->plan); i++) {
		const struct node *node = plan_node(state->plan, i);
		const struct service *service = &plan_manifest(state->plan)->services[node->service];

		if (node->kind != NODE_OUTPUT || !node->result.identity || !plan_is_target(state->plan, node->service))
			continue;
		for (size_t j = 0; j < service->build.outputs_len; j++) {
			struct json *one = service->build.outputs[j].dest.s ? json_new_object() : NULL;

			if (!one)
				continue;
			json_set_str(one, "service", service->name.s);
			json_set_str(one, "path", plan_output_shown(state->plan, &service->build.outputs[j]));
			json_append(files, one);
		}
	}
	return files;
}

static void run_end(const struct report_state *state, int status, uint64_t took_ms)
{
	cleanup_json struct json *object = jsonl_begin("run_end");

	json_set_int(object, "status", status);
	json_set_int(object, "took_ms", (int64_t)took_ms);
	json_set(object, "counts", counts_json(state));
	json_set(object, "images", images_json(state));
	json_set(object, "files", files_json(state));
	jsonl_print(object);
}

void jsonl_event(const struct report_state *state, const struct event *event)
{
	switch (event->kind) {
	case EVENT_RUN_START:
		run_start(state);
		break;
	case EVENT_NODE_START:
		node_start(state, event);
		break;
	case EVENT_NODE_LINE:
		node_line(event);
		break;
	case EVENT_NODE_STEP:
		node_step(event);
		break;
	case EVENT_NODE_DONE:
		node_done(state, event);
		break;
	case EVENT_NOTE:
		jsonl_note(event);
		break;
	case EVENT_RUN_END:
		run_end(state, event->status, event->took_ms);
		break;
	case EVENT_TICK:
	case EVENT_RESIZE:
		break;
	}
}

void jsonl_nothing(const struct report_state *state)
{
	run_start(state);
	run_end(state, 0, 0);
}
