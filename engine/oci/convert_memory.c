#include "config.h"

#include "engine/oci/convert_memory.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "base/json.h"
#include "base/map.h"
#include "base/mem.h"
#include "base/table.h"

const char *const convert_form_names[] = { "zstd", "estargz", "nydus" };
TABLE_COMPLETE(convert_form_names, CONVERT_FORMS);

struct convert_memory {
	pthread_mutex_t lock;
	struct map *layers[CONVERT_FORMS]; /* diff id -> struct json */
	struct arena *arena;               /* owns the keys */
};

struct convert_memory *convert_memory_new(void)
{
	struct convert_memory *memory = mem_alloc(sizeof(*memory));

	pthread_mutex_init(&memory->lock, NULL);
	for (size_t i = 0; i < CONVERT_FORMS; i++)
		memory->layers[i] = map_new();
	memory->arena = arena_new();
	return memory;
}

void convert_memory_free(struct convert_memory *memory)
{
	if (!memory)
		return;
	for (size_t i = 0; i < CONVERT_FORMS; i++) {
		for (size_t j = 0; j < map_len(memory->layers[i]); j++)
			json_free(map_value(memory->layers[i], j));
		map_free(memory->layers[i]);
	}
	pthread_mutex_destroy(&memory->lock);
	arena_free(memory->arena);
	free(memory);
}

struct json *convert_memory_find(struct convert_memory *memory, enum convert_form form, const char *from)
{
	const struct json *layer;
	struct json *copy;

	if (!memory)
		return NULL;
	pthread_mutex_lock(&memory->lock);
	layer = map_get(memory->layers[form], from);
	copy = layer ? json_clone(layer) : NULL;
	pthread_mutex_unlock(&memory->lock);
	return copy;
}

/* Validates a record: its digests are used in paths. */
static bool convert_memory_is_whole(const struct json *layer)
{
	const char *from = json_str(layer, "from"), *digest = json_str(layer, "digest"),
		   *diff_id = json_str(layer, "diffId");

	return from && digest && diff_id && digest_valid(from) && digest_valid(digest) && digest_valid(diff_id) &&
	       json_int(layer, "size") > 0;
}

void convert_memory_add(struct convert_memory *memory, enum convert_form form, const struct json *layer)
{
	const char *from = json_str(layer, "from");

	if (!memory || !convert_memory_is_whole(layer))
		return;
	pthread_mutex_lock(&memory->lock);
	if (!map_get(memory->layers[form], from))
		map_set(memory->layers[form], arena_strdup(memory->arena, from), json_clone(layer));
	pthread_mutex_unlock(&memory->lock);
}

void convert_memory_learn(struct convert_memory *memory, const char *detail)
{
	cleanup_json struct json *json = NULL;
	const struct json *layers;
	const char *name;
	size_t form = 0;

	if (json_parse(detail, strlen(detail), "a record", &json, NULL) < 0)
		return;
	name = json_str(json, "form");
	while (name && form < CONVERT_FORMS && strcmp(convert_form_names[form], name) != 0)
		form++;
	if (!name || form == CONVERT_FORMS)
		return;
	layers = json_get(json, "layers");
	for (size_t i = 0; i < json_len(layers); i++)
		convert_memory_add(memory, (enum convert_form)form, json_at(layers, i));
}
