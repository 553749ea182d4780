#include "config.h"

#include <string.h>

#include "base/map.h"
#include "base/mem.h"
#include "dsl/merge.h"
#include "dsl/node.h"
#include "dsl/schema.h"

#define SMALL_LIST 16

static bool takes_pairs(const struct schema_key *key)
{
	return key && (key->type == TYPE_PAIRS || key->type == TYPE_ENV || key->type == TYPE_DEPENDS ||
		       (key->type == TYPE_NAMED && (key->flags & FLAG_LIST)));
}

static struct yaml_node *null_at(struct arena *arena, struct pos pos)
{
	struct yaml_node *node = node_scalar(arena, pos, "");

	node->kind = NODE_NULL;
	return node;
}

/* A scalar made from another value: it needs interpolation if that one did. */
static struct yaml_node *scalar_of(struct arena *arena, const struct yaml_node *from, struct pos pos, const char *text)
{
	struct yaml_node *node = node_scalar(arena, pos, text);

	node->dollar = node->dollar && from->dollar;
	return node;
}

/* A list of NAME=value or of names as a map, the last of equal names winning; NULL when it is something else. */
static struct yaml_node *list_to_map(struct arena *arena, const struct schema_key *key, const struct yaml_node *list)
{
	struct entry *entries = arena_array(arena, list->len, sizeof(*entries)), *there;
	struct map *seen cleanup_map = map_new();
	size_t len = 0;

	for (size_t i = 0; i < list->len; i++) {
		struct entry entry;
		const struct yaml_node *item = list->items[i];
		const char *equals;

		if (item->kind != NODE_SCALAR)
			return NULL;
		equals = key->type == TYPE_PAIRS || key->type == TYPE_ENV ? strchr(item->text, '=') : NULL;
		entry = (struct entry){
			equals ? arena_strndup(arena, item->text, (size_t)(equals - item->text)) : item->text,
			item->pos,
			equals ? scalar_of(arena, item, item->pos, equals + 1) : null_at(arena, item->pos),
		};
		there = map_get(seen, entry.key);
		if (!there)
			map_set(seen, entry.key, there = &entries[len++]);
		*there = entry;
	}
	return node_map(arena, list->pos, entries, len);
}

/* The form that can be merged with a map. */
static struct yaml_node *as_map(struct arena *arena, const struct schema_key *key, struct yaml_node *node)
{
	struct entry *entry;

	if (takes_pairs(key) && node->kind == NODE_LIST)
		return list_to_map(arena, key, node);
	if (key && key->sub && key->sub->short_key &&
	    (node->kind == NODE_SCALAR || (node->kind == NODE_LIST && schema_short_words(key->sub)))) {
		entry = arena_alloc(arena, sizeof(*entry));
		*entry = (struct entry){ key->sub->short_key, node->pos, node };
		return node_map(arena, node->pos, entry, 1);
	}
	return node->kind == NODE_MAP ? node : NULL;
}

/* The part of a list item that identifies it; NULL when it has none. */
static const char *item_name(const struct schema_key *key, const struct yaml_node *item)
{
	const struct yaml_node *name = NULL;

	if (item->kind == NODE_SCALAR)
		return item->text;
	if (key && key->type == TYPE_ENV_FILES)
		name = node_get(item, "path");
	if (key && key->type == TYPE_SECRETS)
		name = node_get(item, "target") ? node_get(item, "target") : node_get(item, "source");
	return name && name->kind == NODE_SCALAR ? name->text : NULL;
}

/* Appends the second list to the first; an item that is already there is replaced in place. */
static struct yaml_node *merge_lists(struct arena *arena, const struct schema_key *key, const struct yaml_node *base,
				     const struct yaml_node *over)
{
	struct map *seen cleanup_map = NULL;
	struct yaml_node **items = arena_array(arena, base->len + over->len, sizeof(struct yaml_node *));
	size_t len = base->len;

	if (base->len > SMALL_LIST)
		seen = map_new();
	for (size_t i = 0; i < base->len; i++) {
		const char *name = item_name(key, base->items[i]);

		items[i] = base->items[i];
		if (seen && name)
			map_set(seen, name, &items[i]);
	}
	for (size_t i = 0; i < over->len; i++) {
		const char *name = item_name(key, over->items[i]);
		struct yaml_node **there = name && seen ? map_get(seen, name) : NULL;

		for (size_t j = 0; name && !seen && j < base->len && !there; j++) {
			const char *other = item_name(key, base->items[j]);

			there = other && !strcmp(other, name) ? &items[j] : NULL;
		}
		if (there)
			*there = over->items[i];
		else
			items[len++] = over->items[i];
	}
	return node_list(arena, over->pos, items, len);
}

static struct yaml_node *as_list(struct arena *arena, struct yaml_node *node)
{
	struct yaml_node **items;

	if (node->kind != NODE_SCALAR)
		return node;
	items = arena_array(arena, 1, sizeof(struct yaml_node *));
	items[0] = node;
	return node_list(arena, node->pos, items, 1);
}

static struct yaml_node *merge_maps(struct arena *arena, const struct schema *schema, const struct schema_key *each,
				    struct yaml_node *base, struct yaml_node *over);

/* Maps with free names (services, templates): the schema of every entry. */
static struct yaml_node *merge_named(struct arena *arena, const struct schema *schema, struct yaml_node *base,
				     struct yaml_node *over)
{
	const struct schema_key each = { .type = TYPE_MAP, .sub = schema };

	return merge_maps(arena, NULL, &each, base, over);
}

/* The pairs of a map as a list of NAME=value. */
static struct yaml_node *map_to_list(struct arena *arena, struct yaml_node *map)
{
	struct yaml_node **items;

	if (map->kind != NODE_MAP)
		return map;
	items = arena_array(arena, map->len, sizeof(struct yaml_node *));
	for (size_t i = 0; i < map->len; i++) {
		const struct entry *entry = &map->entries[i];

		if (entry->value->kind != NODE_SCALAR)
			return map;
		items[i] = scalar_of(arena, entry->value, entry->pos,
				     arena_printf(arena, "%s=%s", entry->key, entry->value->text));
	}
	return node_list(arena, map->pos, items, map->len);
}

static bool takes_list(const struct schema_key *key)
{
	return key && (key->type == TYPE_TEXTS || key->type == TYPE_CSV || key->type == TYPE_ENV_FILES);
}

static struct yaml_node *join_values(struct arena *arena, const struct schema_key *key, struct yaml_node *base,
				     struct yaml_node *over)
{
	struct yaml_node *base_map, *over_map;

	if (takes_list(key)) {
		base = as_list(arena, base);
		over = as_list(arena, over);
	}
	if (key && key->type == TYPE_HOSTS) {
		base = map_to_list(arena, base);
		over = map_to_list(arena, over);
	}
	if (base->kind == NODE_LIST && over->kind == NODE_LIST && !takes_pairs(key))
		return merge_lists(arena, key, base, over);
	if (base->kind == NODE_SCALAR && over->kind == NODE_SCALAR && !(key && key->sub))
		return over;
	if (key && key->type == TYPE_NODE && key->sub && base->kind == NODE_MAP && over->kind == NODE_MAP)
		return merge_named(arena, key->sub, base, over);
	base_map = as_map(arena, key, base);
	over_map = as_map(arena, key, over);
	if (!base_map || !over_map)
		return over;
	return merge_nodes(arena, key ? key->sub : NULL, base_map, over_map);
}

/* A value over one that was reset or that overrides: files further below must not bring it back. */
static struct yaml_node *as_override(struct arena *arena, const struct yaml_node *node)
{
	struct yaml_node *copy = arena_alloc(arena, sizeof(*copy));

	*copy = *node;
	copy->tag = NODE_OVERRIDE;
	return copy;
}

static struct yaml_node *merge_value(struct arena *arena, const struct schema_key *key, struct yaml_node *base,
				     struct yaml_node *over)
{
	struct yaml_node *joined;

	if (over->tag != NODE_PLAIN)
		return over;
	if (over->kind == NODE_NULL)
		return base;
	if (base->tag == NODE_RESET)
		return as_override(arena, over);
	if (base->kind == NODE_NULL || over->kind == NODE_BROKEN || (key && key->merge == MERGE_REPLACE))
		return over;
	joined = join_values(arena, key, base, over);
	return base->tag == NODE_OVERRIDE ? as_override(arena, joined) : joined;
}

/* `each` describes every entry; otherwise `schema` (may be NULL) describes them by name. */
static struct yaml_node *merge_maps(struct arena *arena, const struct schema *schema, const struct schema_key *each,
				    struct yaml_node *base, struct yaml_node *over)
{
	struct entry *entries = arena_array(arena, base->len + over->len, sizeof(*entries));
	struct map *index cleanup_map = NULL;
	size_t len = base->len;

	if (base->len)
		memcpy(entries, base->entries, base->len * sizeof(*entries));
	if (base->len > SMALL_LIST) {
		index = map_new();
		for (size_t i = 0; i < base->len; i++)
			map_set(index, entries[i].key, &entries[i]);
	}
	for (size_t i = 0; i < over->len; i++) {
		const struct entry *entry = &over->entries[i];
		struct entry *there = index ? map_get(index, entry->key) : NULL;
		const struct schema_key *key = each;

		for (size_t j = 0; !index && !there && j < base->len; j++)
			if (!strcmp(entries[j].key, entry->key))
				there = &entries[j];
		if (!there) {
			entries[len++] = *entry;
			continue;
		}
		if (!each && schema)
			key = schema_find(schema, entry->key);
		there->value = merge_value(arena, key, there->value, entry->value);
		if (there->value == entry->value)
			there->pos =
				entry->pos; /* a merged value keeps the position of the first: its relative paths start there */
	}
	return node_map(arena, over->pos, entries, len);
}

struct yaml_node *merge_nodes(struct arena *arena, const struct schema *schema, struct yaml_node *base,
			      struct yaml_node *over)
{
	return merge_maps(arena, schema, NULL, base, over);
}

static struct yaml_node *with_entry(struct arena *arena, const struct yaml_node *node, const char *name,
				    struct yaml_node *value)
{
	struct entry *entries = arena_array(arena, node->len + 1, sizeof(*entries));
	size_t at = 0;

	if (node->len)
		memcpy(entries, node->entries, node->len * sizeof(*entries));
	while (at < node->len && strcmp(entries[at].key, name) != 0)
		at++;
	entries[at] = (struct entry){ name, value->pos, value };
	return node_map(arena, node->pos, entries, at < node->len ? node->len : node->len + 1);
}

/* The same in a map of `schema`s: the first part of the path is the entry's name. */
static struct yaml_node *set_named(struct arena *arena, const struct schema *schema, const struct yaml_node *node,
				   const char *path, struct yaml_node *value)
{
	const char *dot = strchr(path, '.');
	const char *name = dot ? arena_strndup(arena, path, (size_t)(dot - path)) : path;
	const struct yaml_node *there = node_get(node, name);

	if (!there || there->kind != NODE_MAP)
		there = node_map(arena, value->pos, NULL, 0);
	return with_entry(arena, node, name, dot ? merge_set(arena, schema, there, dot + 1, value) : value);
}

struct yaml_node *merge_set(struct arena *arena, const struct schema *schema, const struct yaml_node *node,
			    const char *path, struct yaml_node *value)
{
	const char *dot = schema ? strchr(path, '.') : NULL;
	const char *name = dot ? arena_strndup(arena, path, (size_t)(dot - path)) : path;
	const struct schema_key *key = dot ? schema_find(schema, name) : NULL;
	struct yaml_node *there, *map = NULL;

	/* An unknown key: it is complained about later, under its own name. */
	if (dot && !key)
		return with_entry(arena, node, name, value);
	if (!key || (!key->sub && !takes_pairs(key)))
		return with_entry(arena, node, path, value);
	there = node_get(node, name);
	if (there)
		map = as_map(arena, key, there);
	if (!map)
		map = node_map(arena, value->pos, NULL, 0);
	if (key->type == TYPE_NAMED)
		value = set_named(arena, key->sub, map, dot + 1, value);
	else
		value = merge_set(arena, key->sub, map, dot + 1, value);
	return with_entry(arena, node, name, value);
}
