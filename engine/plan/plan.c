#include "config.h"

#include <stdlib.h>
#include <string.h>

#include "base/bug.h"
#include "base/diag.h"
#include "base/digest.h"
#include "base/error.h"
#include "base/fs.h"
#include "base/json.h"
#include "base/map.h"
#include "base/mem.h"
#include "dsl/manifest.h"
#include "engine/plan/inputs.h"
#include "engine/plan/key.h"
#include "engine/plan/plan_internal.h"
#include "engine/plan/read_ahead.h"
#include "engine/plan/trail.h"
#include "engine/source/context.h"
#include "engine/source/ignore.h"
#include "engine/state/state.h"

static int read_records(struct plan *plan, struct error **err)
{
	if (state_all_last(plan->state, &plan->record_items, &plan->records_len, err) < 0)
		return -1;
	for (size_t i = 0; i < plan->records_len; i++)
		map_set(plan->records, plan->record_items[i].node, &plan->record_items[i]);
	return 0;
}

static void note_times(struct plan *plan)
{
	for (size_t i = 0; i < plan->nodes_len; i++) {
		const struct record *last = map_get(plan->records, plan->nodes[i]->id);

		plan->nodes[i]->took_ms = last ? last->took_ms : 0;
	}
}

/* Announces the results of builds that will probably be asked about. */
static void look_ahead(struct plan *plan)
{
	const struct record **records;
	size_t len = 0;

	if (!plan->options.present_ahead)
		return;
	records = mem_array(plan->nodes_len + 1, sizeof(*records));
	for (size_t i = 0; i < plan->nodes_len; i++) {
		const struct node *node = plan->nodes[i];

		if (node->kind == NODE_BUILD && (records[len] = map_get(plan->records, node->id)))
			len++;
	}
	plan->options.present_ahead(plan->options.present_data, records, len);
	free(records);
}

static int decide_all(struct plan *plan, struct error **err)
{
	int r = 0;

	plan->again = mem_array(plan->nodes_len + 1, sizeof(*plan->again));
	plan->deciding = true;
	for (size_t i = 0; i < plan->nodes_len && r == 0; i++)
		r = plan_decide(plan, i, err);
	plan->deciding = false;
	return r < 0 ? -1 : plan_settle(plan, err);
}

int plan_new(const struct manifest *manifest, const struct plan_options *options, struct source *source,
	     struct state *state, struct diags *diags, struct plan **ret, struct error **err)
{
	struct plan *plan = mem_alloc(sizeof(*plan));
	int r;

	*plan = (struct plan){
		.manifest = manifest,
		.options = *options,
		.source = source,
		.state = state,
		.diags = diags,
		.arena = arena_new(),
		.services = mem_array(manifest->services_len + 1, sizeof(*plan->services)),
		.by_id = map_new(),
		.by_reference = map_new(),
		.records = map_new(),
		.ignores = map_new(),
		.inputs = inputs_new(),
		.trail = trail_new(),
	};
	pthread_mutex_init(&plan->lock, NULL);
	r = read_records(plan, err) < 0 ? -1 : plan_make(plan);
	if (plan->unread)
		r = error_move(err, &plan->unread);
	if (r < 0 || source_scan(source, err) < 0)
		goto fail;
	note_times(plan);
	look_ahead(plan);
	if (decide_all(plan, err) < 0)
		goto fail;
	*ret = plan;
	return 0;
fail:
	plan_free(plan);
	return -1;
}

void plan_free(struct plan *plan)
{
	if (!plan)
		return;
	for (size_t i = 0; i < plan->nodes_len; i++)
		node_clear(plan->nodes[i]);
	for (size_t i = 0; i < plan->manifest->services_len; i++) {
		dockerfile_free(plan->services[i].dockerfile);
		free(plan->services[i].text);
	}
	records_free(plan->record_items, plan->records_len);
	for (size_t i = 0; i < map_len(plan->ignores); i++) {
		struct plan_ignore *file = map_value(plan->ignores, i);

		ignore_free(file->ignore);
		free(file->text);
	}
	map_free(plan->ignores);
	read_ahead_free(plan->ahead);
	map_free(plan->by_id);
	map_free(plan->by_reference);
	map_free(plan->records);
	free(plan->services);
	free(plan->again);
	free(plan->nodes);
	free(plan->made);
	trail_free(plan->trail);
	free(plan->asked);
	free(plan->waits);
	error_free(plan->unread);
	inputs_free(plan->inputs);
	arena_free(plan->arena);
	free(plan);
}

size_t plan_len(const struct plan *plan)
{
	return plan->nodes_len;
}

const struct node *plan_node(const struct plan *plan, size_t node)
{
	bug_if(node >= plan->nodes_len, "node %zu of %zu", node, plan->nodes_len);
	return plan->nodes[node];
}

const struct manifest *plan_manifest(const struct plan *plan)
{
	return plan->manifest;
}

const struct lockfile *plan_lock(const struct plan *plan)
{
	return plan->options.lock;
}

const struct plan_pair *plan_annotations(const struct plan *plan, size_t *ret_len)
{
	*ret_len = plan->options.annotations_len;
	return plan->options.annotations;
}

const char *plan_last_pushed(const struct plan *plan, size_t push)
{
	const struct node *node = plan_node(plan, push);
	const struct record *last = map_get(plan->records, node->id);

	return node->pushed ? node->pushed : last ? last->digest : NULL;
}

const char *plan_last_detail(const struct plan *plan, size_t node)
{
	const struct record *last = map_get(plan->records, plan_node(plan, node)->id);

	return last ? last->detail : NULL;
}

bool plan_is_target(const struct plan *plan, size_t service)
{
	bug_if(service >= plan->manifest->services_len, "service %zu of %zu", service, plan->manifest->services_len);
	return plan->services[service].made;
}

const char *const *plan_notes(const struct plan *plan)
{
	return plan->notes;
}

const char *const *plan_references(const struct plan *plan, size_t service)
{
	bug_if(service >= plan->manifest->services_len, "service %zu of %zu", service, plan->manifest->services_len);
	return plan->services[service].references;
}

static const char *attestation_of(struct plan *plan, const char *detail)
{
	cleanup_json struct json *json = NULL;
	const char *digest;

	/* Few have one, and every run with nothing to do gets here. */
	if (!detail || !strstr(detail, "\"attestation\"") ||
	    json_parse(detail, strlen(detail), "a record", &json, NULL) < 0)
		return NULL;
	digest = json_str(json, "attestation");
	return digest && digest_valid(digest) ? arena_strdup(plan->arena, digest) : NULL;
}

static void put_result(struct plan *plan, size_t number, const struct result *result)
{
	bug_if(number >= plan->nodes_len, "node %zu of %zu", number, plan->nodes_len);
	bug_if(!result->place, "%s has a result that is nowhere", plan->nodes[number]->id);
	plan->nodes[number]->result = (struct result){
		.identity = arena_strdup(plan->arena, result->identity),
		.digest = arena_strdup(plan->arena, result->digest),
		.place = arena_strdup(plan->arena, result->place),
		.detail = arena_strdup(plan->arena, result->detail),
		.attestation = plan->nodes[number]->kind == NODE_BUILD ? attestation_of(plan, result->detail) : NULL,
		.size = result->size,
	};
}

void plan_set_result(struct plan *plan, size_t number, const struct result *result)
{
	pthread_mutex_lock(&plan->lock);
	put_result(plan, number, result);
	pthread_mutex_unlock(&plan->lock);
}

int plan_inputs(const struct plan *plan, size_t node, struct inputs **ret, struct error **err)
{
	struct inputs *inputs = inputs_new();

	if (key_inputs(plan, node, inputs, err) < 0) {
		inputs_free(inputs);
		return -1;
	}
	*ret = inputs;
	return 0;
}

static void set_result(struct plan *plan, size_t number, const struct record *record)
{
	const struct result result = {
		.identity = record->identity,
		.digest = record->digest,
		.place = record->place,
		.detail = record->detail,
		.size = record->size,
	};

	put_result(plan, number, &result);
}

/* What the node wrote last, and does not with this earlier record, is still there. */
static void plan_check_leftovers(struct plan *plan, struct node *node, const struct json *outputs)
{
	const struct record *last = map_get(plan->records, node->id);
	cleanup_json struct json *detail = NULL;
	const struct json *written;

	if (last && last->detail)
		json_parse(last->detail, strlen(last->detail), node->id, &detail, NULL);
	written = json_get(detail, "outputs");
	for (const void *it = json_first(written); it; it = json_next(written, it)) {
		cleanup_free char *path = path_join(plan->manifest->dir, json_key(it));

		if (!json_get(outputs, json_key(it)) && fs_exists(path))
			node_reason(node, REASON_FILE, arena_strdup(plan->arena, json_key(it)), "no longer made");
	}
}

/* Outputs that were changed or deleted by hand make a step, or an output node, stale. */
static int plan_check_outputs(struct plan *plan, struct node *node, const struct record *record, struct error **err)
{
	cleanup_json struct json *detail = NULL;
	const struct json *outputs;

	if (record->detail)
		json_parse(record->detail, strlen(record->detail), node->id, &detail, NULL);
	outputs = json_get(detail, "outputs");
	if (!outputs || (node->prepare && json_len(outputs) != node->prepare->outputs_len)) {
		node_reason(node, REASON_MISSING, "the record of its outputs", "");
		return 0;
	}
	for (const void *it = json_first(outputs); it; it = json_next(outputs, it)) {
		const char *output = arena_strdup(plan->arena, json_key(it)), *was = json_text(json_member(it));
		cleanup_free char *path = path_join(plan->manifest->dir, output);
		char now[PLAN_OUTPUT + 1];
		bool found;

		if ((node->prepare ? plan_output_digest : plan_written_digest)(plan->source, path, now, &found, err) < 0)
			return -1;
		if (!found)
			node_reason(node, REASON_MISSING, output, "deleted");
		else if (!was || strcmp(was, now) != 0)
			node_reason(node, REASON_FILE, output, "changed by hand");
	}
	if (node->kind == NODE_OUTPUT && record != map_get(plan->records, node->id))
		plan_check_leftovers(plan, node, outputs);
	return 0;
}

/* A base may be missing while its dependents exist, and an image while its files do: it is made again when one of them is. */
static bool can_wait(const struct plan *plan, const struct node *node)
{
	const struct service *service = &plan->manifest->services[node->service];

	return node->kind == NODE_BUILD && !service->publish &&
	       (!plan->services[node->service].made || service->build.outputs_len > 0);
}

/* Its key is known and there is a record with it: does the result still exist? */
static int decide_recorded(struct plan *plan, size_t number, const struct record *record, struct error **err)
{
	struct node *node = plan->nodes[number];
	struct plan_lost lost = { 0 };
	int there = 1;

	if (node->kind == NODE_PREPARE || node->kind == NODE_OUTPUT) {
		if (plan_check_outputs(plan, node, record, err) < 0)
			return -1;
	} else {
		there = plan->options.present(plan->options.present_data, node, record, &lost, err);
	}
	if (there < 0)
		return -1;
	if (there == 0) {
		node_reason(node, REASON_MISSING, arena_strdup(plan->arena, lost.what ? lost.what : "its result"),
			    lost.change ? lost.change : "gone");
		node->gone = plan->deciding && can_wait(plan, node);
	}
	if (node->reasons_len == 0 && node->kind == NODE_VERIFY && plan->options.verify_again)
		node_reason(node, REASON_FORCED, "cbuild verify", "");
	if (node->reasons_len > 0 && !node->gone)
		return 0;
	node->state = NODE_FRESH;
	node->returned = record != map_get(plan->records, node->id);
	set_result(plan, number, record);
	return 0;
}

static int add_differences(struct plan *plan, struct node *node, const struct inputs *inputs, bool had_record,
			   struct error **err)
{
	cleanup_free char *old = NULL;
	size_t len = 0;

	if (!had_record) {
		node_reason(node, REASON_NEW, node->id, "");
		return 0;
	}
	if (state_inputs(plan->state, node->id, &old, &len, err) < 0)
		return -1;
	if (old)
		inputs_diff(inputs, old, len, plan->arena, node);
	else
		node_reason(node, REASON_MISSING, "the record of its inputs", "gone");
	return 0;
}

/* A dependency is stale: unless something of its own differs, this node depends on what that will produce. */
static int plan_decide_waiting(struct plan *plan, struct node *node, const struct inputs *inputs, bool had_record,
			       struct error **err)
{
	if (add_differences(plan, node, inputs, had_record, err) < 0)
		return -1;
	node->state = node->reasons_len > 0 ? NODE_STALE : NODE_UNKNOWN;
	for (size_t i = 0; i < node->needs_len; i++) {
		const struct node *need = plan->nodes[node->needs[i]];

		if (need->state != NODE_FRESH)
			node_reason(node, REASON_DEPENDENCY, need->id, node_state_name(need->state));
	}
	return 0;
}

static int decide(struct plan *plan, size_t number, const struct inputs *inputs, struct error **err)
{
	struct node *node = plan->nodes[number];
	const struct record *last = map_get(plan->records, node->id);
	const struct record *record = last;
	cleanup_record struct record *found = NULL;

	if (!inputs_key(inputs, node->key)) {
		node->key[0] = '\0';
		if (plan->options.force)
			node_reason(node, REASON_FORCED, "-B", "");
		return plan_decide_waiting(plan, node, inputs, last != NULL, err);
	}
	if (last && strcmp(last->key, node->key) != 0) {
		if (state_find(plan->state, node->id, node->key, &found, err) < 0)
			return -1;
		record = found;
	}
	node->recorded_ms = record ? record->when_ms : 0;
	node->pushed = record && node->kind == NODE_PUSH ? arena_strdup(plan->arena, record->digest) : NULL;
	if (plan->options.force) {
		node_reason(node, REASON_FORCED, "-B", "");
		return 0;
	}
	if (!record)
		return add_differences(plan, node, inputs, last != NULL, err);
	return decide_recorded(plan, number, record, err);
}

int plan_decide(struct plan *plan, size_t number, struct error **err)
{
	struct node *node = plan->nodes[number];
	int r;

	node->reasons_len = 0;
	node->state = NODE_STALE;
	node->returned = node->gone = false;
	node->result = (struct result){ 0 };
	if (node->build && plan->services[node->service].unfetched) {
		node->key[0] = '\0';
		node_reason(node, REASON_MISSING, plan->services[node->service].unfetched, "not fetched yet");
		return 0;
	}
	pthread_mutex_lock(&plan->lock);
	r = plan_read_outputs(plan, node, err) < 0 || key_inputs(plan, number, plan->inputs, err) < 0
		    ? -1
		    : decide(plan, number, plan->inputs, err);
	pthread_mutex_unlock(&plan->lock);
	return r;
}

/* Its last reason says what is missing. */
static void make_again(struct plan *plan, size_t number)
{
	struct node *node = plan->nodes[number];

	node->state = NODE_STALE;
	node->gone = node->returned = false;
	node->result = (struct result){ 0 };
	plan->again[number] = node->reasons[node->reasons_len - 1].what;
	plan->unsettled = true;
}

void plan_miss(struct plan *plan, size_t number, const char *what)
{
	struct node *node = plan->nodes[number];

	node_reason(node, REASON_MISSING, what, "gone");
	node->gone = can_wait(plan, node);
	if (!node->gone)
		make_again(plan, number);
}

void plan_doubt(struct plan *plan, size_t number, const char *what, const char *change)
{
	plan->nodes[number]->state = NODE_STALE;
	node_reason(plan->nodes[number], REASON_MISSING, what, change);
}

void plan_followed(struct plan *plan, size_t number)
{
	plan->nodes[number]->returned = false;
}

/* From the end to the beginning: a node that is made again needs others. */
static void wake_needed(struct plan *plan)
{
	for (size_t i = plan->nodes_len; i-- > 0;) {
		const struct node *node = plan->nodes[i];

		for (size_t j = 0; j < node->needs_len && node->state != NODE_FRESH; j++) {
			if (plan->nodes[node->needs[j]]->gone)
				make_again(plan, node->needs[j]);
		}
	}
}

/* A key that includes a result which will be made again is unknown. */
static int decide_anew(struct plan *plan, size_t number, struct error **err)
{
	struct node *node = plan->nodes[number];

	if (plan_decide(plan, number, err) < 0)
		return -1;
	if (plan->again[number]) {
		node->state = NODE_STALE;
		node_reason(node, REASON_MISSING, plan->again[number], "gone");
	}
	plan->again[number] = node->id;
	return 0;
}

static int decide_above(struct plan *plan, struct error **err)
{
	for (size_t i = 0; i < plan->nodes_len; i++) {
		const struct node *node = plan->nodes[i];
		bool above = false;

		for (size_t j = 0; j < node->needs_len; j++)
			above = above || plan->again[node->needs[j]];
		if (above && decide_anew(plan, i, err) < 0)
			return -1;
	}
	memset(plan->again, 0, plan->nodes_len * sizeof(*plan->again));
	return 0;
}

int plan_settle(struct plan *plan, struct error **err)
{
	for (;;) {
		wake_needed(plan);
		if (!plan->unsettled)
			return 0;
		plan->unsettled = false;
		if (decide_above(plan, err) < 0)
			return -1;
	}
}
