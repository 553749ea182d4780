#ifndef BASE_MAP_H
#define BASE_MAP_H

#include <stddef.h>

/* A map from strings to pointers that keeps insertion order. Keys are borrowed and must outlive the map. Values
 * belong to the caller. */
struct map;

struct map *map_new(void);
void map_free(struct map *map);                        /* NULL-safe; neither keys nor values are freed */
void *map_get(const struct map *map, const char *key); /* NULL when absent */
/* Sets `key`; returns its previous value, or NULL. */
void *map_set(struct map *map, const char *key, void *value);
size_t map_len(const struct map *map);
/* The i-th entry in insertion order, i < map_len. */
const char *map_key(const struct map *map, size_t i);
void *map_value(const struct map *map, size_t i);

void map_cleanup(struct map **map);
#define cleanup_map __attribute__((cleanup(map_cleanup)))

#endif
