#include "config.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/bug.h"
#include "base/map.h"
#include "base/mem.h"
#include "base/xxh3.h"

struct map_entry {
	const char *key;
	void *value;
	uint64_t hash;
};

/* Entries are kept in insertion order. `slots` is a hash table (open addressing, linear probing, a power of two in
 * size) of indices into them plus 1; 0 is a free slot. */
struct map {
	struct map_entry *entries;
	size_t len;
	size_t cap;
	size_t *slots;
	size_t slot_count;
};

struct map *map_new(void)
{
	return mem_alloc(sizeof(struct map));
}

void map_free(struct map *map)
{
	if (!map)
		return;
	free(map->entries);
	free(map->slots);
	free(map);
}

static uint64_t key_hash(const char *key)
{
	return hash_bytes(key, strlen(key)).lo;
}

/* The slot that holds `key`, or the free one where it belongs. */
static size_t *find_slot(const struct map *map, const char *key, uint64_t hash)
{
	size_t mask = map->slot_count - 1;

	for (size_t i = hash & mask;; i = (i + 1) & mask) {
		const struct map_entry *entry;

		if (map->slots[i] == 0)
			return &map->slots[i];
		entry = &map->entries[map->slots[i] - 1];
		if (entry->hash == hash && strcmp(entry->key, key) == 0)
			return &map->slots[i];
	}
}

static void grow_slots(struct map *map)
{
	free(map->slots);
	map->slot_count = map->slot_count ? map->slot_count * 2 : 16;
	map->slots = mem_array(map->slot_count, sizeof(*map->slots));
	for (size_t i = 0; i < map->len; i++)
		*find_slot(map, map->entries[i].key, map->entries[i].hash) = i + 1;
}

void *map_get(const struct map *map, const char *key)
{
	const size_t *slot;

	if (map->len == 0)
		return NULL;
	slot = find_slot(map, key, key_hash(key));
	return *slot ? map->entries[*slot - 1].value : NULL;
}

void *map_set(struct map *map, const char *key, void *value)
{
	uint64_t hash = key_hash(key);
	size_t *slot;

	/* At most half full, to keep probing short. */
	if ((map->len + 1) * 2 > map->slot_count)
		grow_slots(map);
	slot = find_slot(map, key, hash);
	if (*slot) {
		struct map_entry *entry = &map->entries[*slot - 1];
		void *before = entry->value;

		entry->value = value;
		return before;
	}
	bug_if(map->len >= map->slot_count, "a map without a free slot");
	mem_reserve(&map->entries, &map->cap, map->len + 1, sizeof(*map->entries));
	map->entries[map->len] = (struct map_entry){ .key = key, .value = value, .hash = hash };
	*slot = ++map->len;
	return NULL;
}

size_t map_len(const struct map *map)
{
	return map->len;
}

const char *map_key(const struct map *map, size_t i)
{
	bug_if(i >= map->len, "entry %zu of %zu", i, map->len);
	return map->entries[i].key;
}

void *map_value(const struct map *map, size_t i)
{
	bug_if(i >= map->len, "entry %zu of %zu", i, map->len);
	return map->entries[i].value;
}

void map_cleanup(struct map **map)
{
	map_free(*map);
}
