#include "config.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/fs.h"
#include "base/json.h"
#include "base/map.h"
#include "base/mem.h"
#include "base/scan.h"
#include "base/workers.h"
#include "dsl/manifest.h"
#include "engine/builder/builder.h"
#include "engine/exec/present.h"
#include "engine/exec/seen.h"
#include "engine/oci/layout.h"
#include "engine/oci/storage.h"
#include "engine/plan/plan.h"
#include "engine/plan/plan_node.h"
#include "engine/runtime/runtime.h"
#include "engine/state/state.h"

#define IMAGES_WORTH_A_THREAD 64 /* with fewer, starting a thread costs more than it saves */

static const char STORAGE[] = "containers-storage:";
static char yes[] = "yes", no[] = "no";

struct present {
	struct layout *layout;
	struct state *state;
	const struct manifest *manifest;
	const char *builder; /* this run's, or NULL */
	char *builder_place; /* its storage, if known without starting it */
	bool builder_asked;
	char *runtime_prefix; /* of its places, or NULL: any */
	struct arena *arena;
	struct map *tags; /* reference -> digest in the store; loaded on first use */
	struct layout_ref *refs;
	size_t refs_len;
	struct map *storages; /* root -> struct storage */
	struct map *images;   /* manifest digest -> yes or no: complete in the store when checked in advance, or NULL */
	bool running;         /* the plan is being run */
	struct map *held;     /* "node key" -> yes or no: the answers of other engines; NULL before they were asked */
	struct error *unseen; /* the first thing that could not be read */
};

struct present *present_new(struct layout *layout, struct state *state, const struct manifest *manifest,
			    const char *builder, const char *runtime)
{
	struct present *present = mem_alloc(sizeof(*present));

	*present = (struct present){
		.layout = layout,
		.state = state,
		.manifest = manifest,
		.builder = builder,
		.runtime_prefix = runtime ? runtime_place_prefix(runtime) : NULL,
		.arena = arena_new(),
		.storages = map_new(),
	};
	return present;
}

void present_free(struct present *present)
{
	if (!present)
		return;
	for (size_t i = 0; i < map_len(present->storages); i++)
		storage_free(map_value(present->storages, i));
	map_free(present->storages);
	map_free(present->tags);
	map_free(present->images);
	map_free(present->held);
	free(present->builder_place);
	free(present->runtime_prefix);
	layout_refs_free(present->refs, present->refs_len);
	arena_free(present->arena);
	error_free(present->unseen);
	free(present);
}

void present_set_layout(struct present *present, struct layout *layout)
{
	present->layout = layout;
}

void present_set_running(struct present *present)
{
	present->running = true;
	map_free(steal_ptr(present->images)); /* from now on the store changes */
}

static bool has_prefix(const char *place, const char *prefix)
{
	return strncmp(place, prefix, strlen(prefix)) == 0;
}

static void present_note(struct present *present, struct error *error)
{
	if (error_unreadable(error))
		error_move(&present->unseen, &error);
	error_free(error);
}

/* A storage with a damaged index counts as empty. */
static const struct storage *storage_at(struct present *present, const char *place)
{
	const char *root = place + strlen(STORAGE);
	struct storage *storage = map_get(present->storages, root);
	struct error *error = NULL;

	if (storage)
		return storage;
	if (storage_open(root, &storage, &error) == 0)
		map_set(present->storages, arena_strdup(present->arena, root), storage);
	else if (error->errnum == EACCES) /* another user's: this one's builds are kept elsewhere */
		error_free(error);
	else
		present_note(present, error);
	return storage;
}

/* The record's detail has the image's id in that storage. */
static bool has_id(const struct storage *storage, const char *text)
{
	struct scan s = scan_begin(text, strlen(text));
	struct scan_text key, id = { 0 };
	cleanup_free char *identity = NULL;

	scan_object(&s);
	while (scan_member(&s, &key))
		if (!(scan_is(&key, "id") ? scan_string(&s, &id) : scan_skip(&s)))
			return false;
	if (!scan_done(&s) || !id.text || id.escaped)
		return false;
	identity = mem_strndup(id.text, id.len);
	return storage_has(storage, identity);
}

/* A different builder, or the same with a different storage, must build again what was kept. If its storage is not
 * known yet, the run checks when it opens the builder. */
static bool builder_reads(struct present *present, const char *place)
{
	if (!present->builder)
		return true;
	if (!present->builder_asked) {
		present->builder_asked = true;
		present->builder_place = builder_known_place(present->builder, present->state);
	}
	return !present->builder_place || strcmp(present->builder_place, place) == 0;
}

struct looks {
	struct layout *layout;
	const char **digests;
	char **found;
};

static void present_look(void *data, size_t index, unsigned worker)
{
	const struct looks *looks = data;

	(void)worker;
	looks->found[index] = layout_complete(looks->layout, looks->digests[index]) ? yes : no;
}

void present_ahead(void *data, const struct record *const *records, size_t len)
{
	struct present *present = data;
	struct looks looks = { .layout = present->layout };
	unsigned threads = workers_count(len, IMAGES_WORTH_A_THREAD);
	size_t count = 0;

	if (threads < 2 || !present->layout)
		return;
	looks.digests = mem_array(len, sizeof(*looks.digests));
	looks.found = mem_array(len, sizeof(*looks.found));
	for (size_t i = 0; i < len; i++)
		if (records[i]->digest && (!records[i]->place || strcmp(records[i]->place, "store") == 0))
			looks.digests[count++] = records[i]->digest;
	workers_run(count, threads, present_look, &looks);
	present->images = map_new();
	for (size_t i = 0; i < count; i++)
		map_set(present->images, arena_strdup(present->arena, looks.digests[i]), looks.found[i]);
	free(looks.digests);
	free(looks.found);
}

static bool present_in_store(const struct present *present, const char *digest)
{
	const char *found = present->images ? map_get(present->images, digest) : NULL;

	return found ? found == yes : layout_complete(present->layout, digest);
}

/* Few have one: its attestation is in the store, too. */
static bool present_check_attestation(const struct present *present, const struct record *record, struct plan_lost *ret)
{
	cleanup_json struct json *detail = NULL;
	const char *digest;

	if (!record->detail || !strstr(record->detail, "\"attestation\""))
		return true;
	ret->what = "its image's attestation";
	if (json_parse(record->detail, strlen(record->detail), record->node, &detail, NULL) < 0)
		return false;
	digest = json_str(detail, "attestation");
	return digest && digest_valid(digest) && layout_complete(present->layout, digest);
}

static bool check_build(struct present *present, const struct node *node, const struct record *record,
			struct plan_lost *ret)
{
	const char *place = record->place ? record->place : "store";
	const struct storage *storage;

	ret->what = "its image";
	if (strcmp(place, "store") == 0)
		return present->layout && record->digest && present_in_store(present, record->digest) &&
		       present_check_attestation(present, record, ret);
	if (present->manifest->services[node->service].publish ||
	    service_makes_files(&present->manifest->services[node->service])) {
		ret->what = "its image in the store";
		return false;
	}
	if (!builder_reads(present, place)) {
		ret->what = "its image where this builder can read it";
		return false;
	}
	if (!has_prefix(place, STORAGE))
		return false;
	storage = storage_at(present, place);
	return storage && record->detail && has_id(storage, record->detail);
}

static void read_tags(struct present *present)
{
	struct error *error = NULL;

	present->tags = map_new();
	/* A store with a damaged index has no tags: whatever needs them runs again. */
	if (present->layout && layout_refs(present->layout, &present->refs, &present->refs_len, &error) < 0)
		present_note(present, error);
	for (size_t i = 0; i < present->refs_len; i++)
		map_set(present->tags, present->refs[i].reference, present->refs[i].digest);
}

static bool present_check_index(struct present *present, const struct record *record, const char *const *references,
				size_t len, struct plan_lost *ret)
{
	if (!present->tags)
		read_tags(present);
	ret->what = "its index in the store";
	/* Two if there are attestations. */
	if (!present->layout || !record->digest || !layout_has(present->layout, record->digest, UINT64_MAX) ||
	    (strcmp(record->identity, record->digest) != 0 && !layout_has(present->layout, record->identity, UINT64_MAX)))
		return false;
	for (size_t i = 0; i < len; i++) {
		const char *digest = map_get(present->tags, references[i]);

		if (digest && strcmp(digest, record->digest) == 0)
			continue;
		ret->what = arena_printf(present->arena, "tag %s", references[i]);
		return false;
	}
	return true;
}

static bool take_references(struct present *present, struct scan *s, const char ***ret, size_t *ret_len)
{
	struct scan_text text;
	size_t cap = 0;

	scan_array(s);
	while (scan_item(s)) {
		if (!scan_string(s, &text) || text.escaped)
			return false;
		if (*ret_len == cap) {
			const char **grown = arena_array(present->arena, cap * 2 + 2, sizeof(*grown));

			if (cap)
				memcpy(grown, *ret, cap * sizeof(*grown));
			*ret = grown;
			cap = cap * 2 + 2;
		}
		(*ret)[(*ret_len)++] = arena_strndup(present->arena, text.text, text.len);
	}
	return !s->bad;
}

/* Reads the references from a record's detail; false when it is malformed. */
static bool references_of(struct present *present, const struct record *record, const char ***ret, size_t *ret_len)
{
	const char *detail = record->detail ? record->detail : "";
	struct scan s = scan_begin(detail, strlen(detail));
	struct scan_text key;
	bool found = false;

	*ret = NULL;
	*ret_len = 0;
	scan_object(&s);
	while (scan_member(&s, &key)) {
		found |= scan_is(&key, "references");
		if (!(scan_is(&key, "references") ? take_references(present, &s, ret, ret_len) : scan_skip(&s)))
			return false;
	}
	return scan_done(&s) && found;
}

/* Of a load; NULL when there is none. */
static const char *mark_of(struct present *present, const struct record *record)
{
	const char *detail = record->detail ? record->detail : "";
	struct scan s = scan_begin(detail, strlen(detail));
	struct scan_text key, mark = { 0 };

	scan_object(&s);
	while (scan_member(&s, &key))
		if (!(scan_is(&key, "mark") ? scan_string(&s, &mark) : scan_skip(&s)))
			return NULL;
	return mark.text && !mark.escaped ? arena_strndup(present->arena, mark.text, mark.len) : NULL;
}

static const char *record_name(struct present *present, const struct record *record)
{
	return arena_printf(present->arena, "%s %s", record->node, record->key);
}

/* Asks an engine once about every image that records say was loaded into it. `all`: these are all that matter in the next run. */
static void ask_place(struct present *present, const char *place, const struct record *records, size_t len, bool all)
{
	cleanup_free char *dir = present->layout ? path_dir(layout_dir(present->layout)) : NULL;
	cleanup_free char *file = dir ? path_join(dir, "seen") : NULL;
	cleanup_free char *was = NULL, *now = NULL;
	struct runtime_presence *items = arena_array(present->arena, len + 1, sizeof(*items));
	const char **names = arena_array(present->arena, len + 1, sizeof(*names));
	size_t asked = 0;

	for (size_t i = 0; i < len; i++) {
		const struct record *record = &records[i];
		const char **references;

		if (!record->place || strcmp(record->place, place) != 0 ||
		    !references_of(present, record, &references, &items[asked].len))
			continue;
		names[asked] = record_name(present, record);
		items[asked].references = references;
		items[asked].mark = mark_of(present, record);
		items[asked].image = (struct runtime_image){
			.identity = arena_strdup(present->arena, record->identity),
			.digest = arena_strdup(present->arena, record->digest),
		};
		asked++;
	}
	if (file)
		seen_read(file, place, items, asked, &was);
	runtime_present(place, items, asked, &now);
	if (file && now && all)
		seen_write(file, place, now, items, asked);
	for (size_t i = 0; i < asked; i++)
		map_set(present->held, names[i], items[i].held ? yes : no);
}

static bool engine_holds(struct present *present, const struct record *record, const char *place)
{
	const char *name = record_name(present, record);
	struct record *records = NULL;
	size_t len = 0;

	if (!present->held) {
		present->held = map_new();
		if (state_all_last(present->state, &records, &len, &present->unseen) == 0)
			ask_place(present, place, records, len, true);
		records_free(records, len);
	}
	/* A record other than the node's newest: its sources are again what they were before. */
	if (!map_get(present->held, name))
		ask_place(present, place, record, 1, false);
	return map_get(present->held, name) == yes;
}

static bool check_load(struct present *present, const struct record *record, const char *const *references, size_t len,
		       struct plan_lost *ret)
{
	const char *place = record->place ? record->place : "";
	const struct storage *storage;

	ret->what = "its image in the local engine";
	if (present->runtime_prefix && !has_prefix(place, present->runtime_prefix))
		return false;
	if (!has_prefix(place, STORAGE))
		return engine_holds(present, record, place);
	storage = storage_at(present, place);
	for (size_t i = 0; i < len; i++) {
		if (storage && storage_has_name(storage, record->identity, references[i]))
			continue;
		ret->what = arena_printf(present->arena, "podman's %s", references[i]);
		if (storage && storage_find(storage, references[i]))
			ret->change = "another image now";
		return false;
	}
	return storage != NULL;
}

/* Registries are asked once, when the plan is made (tags_check.h). During the run nothing is assumed to be there:
 * pushing what exists costs next to nothing. */
static bool check_release(const struct present *present, const struct node *node, const struct record *record,
			  struct plan_lost *ret)
{
	ret->what = node->kind == NODE_PUSH ? "its content in the registry" : "its tags in the registry";
	if (present->running)
		return false;
	ret->what = "its pushed index in the store";
	return node->kind == NODE_TAG ||
	       (present->layout && record->digest && layout_has(present->layout, record->digest, UINT64_MAX));
}

static bool present_is_there(struct present *present, const struct node *node, const struct record *record,
			     struct plan_lost *ret)
{
	const char **references;
	size_t len;

	if (node->kind == NODE_BUILD || node->kind == NODE_CONVERT)
		return check_build(present, node, record, ret);
	if (node->kind == NODE_VERIFY)
		return true;
	if (node->kind == NODE_PUSH || node->kind == NODE_TAG)
		return check_release(present, node, record, ret);
	ret->what = "the record of its references";
	if (!references_of(present, record, &references, &len))
		return false;
	if (node->kind == NODE_INDEX)
		return present_check_index(present, record, references, len, ret);
	return check_load(present, record, references, len, ret);
}

int present_check(void *data, const struct node *node, const struct record *record, struct plan_lost *ret,
		  struct error **err)
{
	struct present *present = data;

	if (present_is_there(present, node, record, ret))
		return 1;
	if (present->unseen)
		return error_copy(err, present->unseen);
	return present->layout ? layout_seen(present->layout, err) : 0;
}
