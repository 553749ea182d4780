#include "config.h"

#include <stdlib.h>
#include <string.h>

#include "base/digest.h"
#include "base/error.h"
#include "base/json.h"
#include "base/map.h"
#include "base/mem.h"
#include "engine/exec/former.h"
#include "engine/runtime/runtime.h"
#include "engine/state/state.h"

#define LATEST_OF_NODE 8 /* those that a running container has kept from going are rarely older; `prune` looks at all */

struct former {
	struct state *state;
	struct runtime *runtime;
	struct arena *arena;
	struct record *newest; /* of all nodes */
	size_t newest_len;
	struct map *kept;
	struct runtime_image *images, *latest;
	size_t len, cap, latest_len, latest_cap;
	bool bases; /* also earlier images of bases */
};

static bool of_kind(const char *node, const char *kind)
{
	return strncmp(node, kind, strlen(kind)) == 0;
}

/* The image of a record in this engine: loaded, or left there by the build. False: there is none. */
static bool image_of(const struct former *former, const struct record *record, struct runtime_image *ret)
{
	cleanup_json struct json *detail = NULL;
	const char *place = runtime_place(former->runtime), *id;

	if (of_kind(record->node, "load:")) {
		*ret = (struct runtime_image){ arena_strdup(former->arena, record->identity),
					       record->digest ? arena_strdup(former->arena, record->digest) : NULL,
					       false };
		return record->place && strcmp(record->place, place) == 0;
	}
	if (!of_kind(record->node, "build:") || !record->detail ||
	    json_parse(record->detail, strlen(record->detail), record->node, &detail, NULL) < 0)
		return false;
	id = json_str(detail, "id");
	if (!id || !digest_valid(id) || !json_str(detail, "engine") || strcmp(json_str(detail, "engine"), place) != 0)
		return false;
	*ret = (struct runtime_image){ arena_strdup(former->arena, id), NULL, false };
	return true;
}

static bool is_base(const struct record *record)
{
	return of_kind(record->node, "build:") && record->place && strcmp(record->place, "store") != 0;
}

/* Without a new build, sources that are as they were before have only those. */
static int keep_bases(struct former *former, const struct record *newest, struct error **err)
{
	struct runtime_image image;
	struct record *records;
	size_t len;

	if (!is_base(newest))
		return 0;
	if (state_all_of(former->state, newest->node, &records, &len, err) < 0)
		return -1;
	for (size_t i = 0; i < len; i++)
		if (image_of(former, &records[i], &image))
			map_set(former->kept, image.identity, former);
	records_free(records, len);
	return 0;
}

static int former_open(struct former *former, struct error **err)
{
	former->arena = arena_new();
	former->kept = map_new();
	if (state_all_last(former->state, &former->newest, &former->newest_len, err) < 0)
		return -1;
	for (size_t i = 0; i < former->newest_len; i++) {
		struct runtime_image image;

		if (!image_of(former, &former->newest[i], &image))
			continue;
		map_set(former->kept, image.identity, former);
		if (image.digest)
			map_set(former->kept, image.digest, former);
		if (!former->bases && keep_bases(former, &former->newest[i], err) < 0)
			return -1;
	}
	return 0;
}

static void former_close(struct former *former)
{
	records_free(former->newest, former->newest_len);
	map_free(former->kept);
	free(former->images);
	free(former->latest);
	arena_free(former->arena);
}

static bool former_add(struct former *former, const struct record *record, bool latest)
{
	struct runtime_image image;

	if (!image_of(former, record, &image) || map_get(former->kept, image.identity))
		return false;
	mem_reserve(&former->images, &former->cap, former->len + 1, sizeof(*former->images));
	former->images[former->len++] = image;
	if (latest) {
		mem_reserve(&former->latest, &former->latest_cap, former->latest_len + 1, sizeof(*former->latest));
		former->latest[former->latest_len++] = image;
	}
	return true;
}

static int former_add_all(struct former *former, const char *node, struct error **err)
{
	struct record *records;
	size_t len, added = 0;

	if (!of_kind(node, "load:") && !of_kind(node, "build:"))
		return 0;
	if (state_all_of(former->state, node, &records, &len, err) < 0)
		return -1;
	for (size_t i = 0; i < len; i++)
		added += former_add(former, &records[i], added < LATEST_OF_NODE);
	records_free(records, len);
	return 0;
}

static int former_discard(const struct former *former, bool dry, struct runtime_freed *ret, struct error **err)
{
	const struct runtime_former found = { former->images, former->len, former->latest, former->latest_len,
					      former->kept };

	return runtime_discard(former->runtime, &found, dry, ret, err);
}

int former_replaced(struct state *state, struct runtime *runtime, const char *const *nodes, size_t len, struct error **err)
{
	struct former former = { .state = state, .runtime = runtime };
	int r = former_open(&former, err);

	for (size_t i = 0; r == 0 && i < len; i++)
		r = former_add_all(&former, nodes[i], err);
	if (r == 0)
		r = former_discard(&former, false, NULL, err);
	former_close(&former);
	return r;
}

static int prune_runtime(struct state *state, struct runtime *runtime, bool dry, struct runtime_freed *ret,
			 struct error **err)
{
	struct former former = { .state = state, .runtime = runtime, .bases = true };
	struct error *error = NULL;
	int r = former_open(&former, err);

	for (size_t i = 0; r == 0 && i < former.newest_len; i++)
		r = former_add_all(&former, former.newest[i].node, err);
	if (r == 0 && former_discard(&former, dry, ret, &error) < 0) {
		r = error->cls == ERROR_CANCELLED ? -1 : 0;
		error_move(r < 0 ? err : NULL, &error);
	}
	former_close(&former);
	return r;
}

/* Whether a record says that an image went there. */
static bool used_ever(const struct record *records, size_t len, const char *name)
{
	cleanup_free char *prefix = runtime_place_prefix(name);

	for (size_t i = 0; i < len; i++)
		if ((records[i].place && of_kind(records[i].place, prefix)) ||
		    (records[i].detail && strstr(records[i].detail, prefix)))
			return true;
	return false;
}

int former_prune(struct state *state, struct loop *loop, struct layout *layout, bool dry, struct runtime_freed *ret,
		 struct error **err)
{
	struct record *records;
	size_t len;
	int r = 0;

	*ret = (struct runtime_freed){ 0 };
	if (state_all_last(state, &records, &len, err) < 0)
		return -1;
	for (const char *const *name = runtime_names(); r == 0 && *name; name++) {
		struct runtime_freed freed = { 0 };
		struct runtime *runtime;
		struct error *error = NULL;

		if (!runtime_keeps_former(*name) || !used_ever(records, len, *name))
			continue;
		/* An engine that cannot be used now cannot be asked. */
		if (runtime_open(*name, "prune", loop, state, layout, NULL, &runtime, &error) < 0) {
			r = error->cls == ERROR_CANCELLED ? -1 : 0;
			error_move(r < 0 ? err : NULL, &error);
			continue;
		}
		r = prune_runtime(state, runtime, dry, &freed, err);
		runtime_free(runtime);
		ret->count += freed.count;
		ret->bytes += freed.bytes;
	}
	records_free(records, len);
	return r;
}
