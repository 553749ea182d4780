#include "config.h"

#include <string.h>

#include "base/bug.h"
#include "base/mem.h"
#include "base/table.h"
#include "dsl/decode.h"
#include "dsl/manifest.h"
#include "dsl/node.h"
#include "dsl/schema.h"

static const char *unknown_key_hint(struct decode *d, const struct schema *schema, const char *name)
{
	const char *nearest;

	for (size_t i = 0; i < schema->len; i++)
		if (schema->keys[i].sub && strcmp(schema->keys[i].name, "templates") != 0 &&
		    schema_find(schema->keys[i].sub, name))
			return arena_printf(d->arena,
					    schema == &schema_root ? "it belongs to a service under \"%s\""
								   : "it belongs under \"%s\"",
					    schema->keys[i].name);
	nearest = schema_nearest(schema, name);
	if (nearest)
		return arena_printf(d->arena, "did you mean \"%s\"?", nearest);
	if (schema != &schema_root && schema != &schema_service && schema_find(&schema_service, name))
		return arena_printf(d->arena, "it belongs to the service itself, not under \"%s\"", schema->name);
	return NULL;
}

static void unknown_key(struct decode *d, const struct schema *schema, const struct entry *entry)
{
	const char *hint = unknown_key_hint(d, schema, entry->key);

	if (schema == &schema_root)
		diags_add(d->diags, entry->pos, hint, "unknown key \"%s\"", entry->key);
	else
		diags_add(d->diags, entry->pos, hint, "unknown key \"%s\" in %s%s%s", entry->key,
			  schema == &schema_service ? "a " : "\"", schema->name, schema == &schema_service ? "" : "\"");
}

/* A misspelt key counts as given: it was already complained about. */
static bool is_given(const struct schema *schema, const struct yaml_node *node, const char *name)
{
	for (size_t i = 0; i < node->len; i++) {
		const char *key = node->entries[i].key, *nearest;

		if (!strcmp(key, name))
			return true;
		nearest = schema_find(schema, key) ? NULL : schema_nearest(schema, key);
		if (nearest && !strcmp(nearest, name))
			return true;
	}
	return false;
}

static void take_shape(struct decode *d, const struct schema_key *key, const struct yaml_node *node, void *at)
{
	unsigned shape = node->kind == NODE_SCALAR ? FLAG_SINGLE : node->kind == NODE_LIST ? FLAG_LIST : FLAG_MAP;

	(void)at;
	if (!(key->flags & shape))
		decode_wrong_type(d, key, node);
}

static void take_node(struct decode *d, const struct schema_key *key, const struct yaml_node *node, void *at)
{
	(void)d;
	(void)key;
	*(const struct yaml_node **)at = node;
}

static void decode_take_text(struct decode *d, const struct schema_key *key, const struct yaml_node *node, void *at)
{
	decode_text(d, key, node, at);
}

static void take_texts(struct decode *d, const struct schema_key *key, const struct yaml_node *node, void *at)
{
	decode_texts(d, key, node, at);
}

static void take_csv(struct decode *d, const struct schema_key *key, const struct yaml_node *node, void *at)
{
	decode_csv(d, key, node, at);
}

static void take_words(struct decode *d, const struct schema_key *key, const struct yaml_node *node, void *at)
{
	decode_words(d, key, node, at);
}

static void take_map_value(struct decode *d, const struct schema_key *key, const struct yaml_node *node, void *at)
{
	if (node->kind == NODE_MAP || (node->kind == NODE_SCALAR && key->sub->short_key) ||
	    (node->kind == NODE_LIST && schema_short_words(key->sub)))
		decode_map(d, key->sub, node, at);
	else
		decode_wrong_type(d, key, node);
}

/* A list of names, accepted where a map is expected. */
static void take_names(struct decode *d, const struct schema_key *key, const struct yaml_node *node, void *at)
{
	const struct schema_named *named = key->sub->named;
	struct texts names = { 0 };
	char *items;

	decode_csv(d, key, node, &names);
	items = arena_array(d->arena, names.len, named->size);
	for (size_t i = 0; i < names.len; i++)
		*(struct text *)(items + i * named->size + named->name) = names.items[i];
	decode_put_array(at, items, names.len);
}

static void take_named(struct decode *d, const struct schema_key *key, const struct yaml_node *node, void *at)
{
	const struct schema_named *named = key->sub->named;
	bool may_be_list = key->flags & FLAG_LIST;
	char *items, *item;

	if (node->kind != NODE_MAP) {
		if (may_be_list)
			take_names(d, key, node, at);
		else
			decode_wrong_type(d, key, node);
		return;
	}
	item = items = arena_array(d->arena, node->len, named->size);
	for (size_t i = 0; i < node->len; i++) {
		const struct entry *entry = &node->entries[i];

		bool is_map = entry->value->kind == NODE_MAP;

		if (!is_map && entry->value->kind != NODE_BROKEN && !(entry->value->kind == NODE_NULL && may_be_list))
			diags_add(d->diags, entry->value->pos, named->hint, "the %s \"%s\" must be a map, but this is %s",
				  named->one, entry->key, node_type_name(entry->value));
		if (!is_map && !may_be_list)
			continue;
		if (named->initial)
			memcpy(item, named->initial, named->size);
		*(struct text *)(item + named->name) = (struct text){ entry->key, entry->pos };
		if (is_map)
			decode_map(d, key->sub, entry->value, item);
		item += named->size;
	}
	decode_put_array(at, items, (size_t)(item - items) / named->size);
}

static void take_items(struct decode *d, const struct schema_key *key, const struct yaml_node *node, void *at)
{
	const struct schema_named *named = key->sub->named;
	size_t len = 0;
	char *items;

	if (node->kind != NODE_LIST) {
		decode_wrong_type(d, key, node);
		return;
	}
	items = arena_array(d->arena, node->len, named->size);
	for (size_t i = 0; i < node->len; i++) {
		const struct yaml_node *item = node->items[i];

		if (item->kind != NODE_MAP) {
			if (item->kind != NODE_BROKEN)
				diags_add(d->diags, item->pos, NULL, "a %s of \"%s\" must be a map, but this is %s",
					  named->one, key->name, node_type_name(item));
			continue;
		}
		*(struct pos *)(items + len * named->size) = item->pos;
		decode_map(d, key->sub, item, items + len++ * named->size);
	}
	decode_put_array(at, items, len);
}

typedef void take(struct decode *d, const struct schema_key *key, const struct yaml_node *node, void *at);
#define TAKES(ROW)                            \
	ROW(TYPE_IGNORED, NULL)               \
	ROW(TYPE_SHAPE, take_shape)           \
	ROW(TYPE_NODE, take_node)             \
	ROW(TYPE_TEXT, decode_take_text)      \
	ROW(TYPE_BOOL, decode_value)          \
	ROW(TYPE_EPOCH, decode_value)         \
	ROW(TYPE_STATUS, decode_value)        \
	ROW(TYPE_COUNT, decode_value)         \
	ROW(TYPE_SIZE, decode_value)          \
	ROW(TYPE_MEMORY, decode_value)        \
	ROW(TYPE_DURATION, decode_value)      \
	ROW(TYPE_PORT, decode_value)          \
	ROW(TYPE_PULL, decode_value)          \
	ROW(TYPE_INDEX, decode_value)         \
	ROW(TYPE_MEDIA, decode_value)         \
	ROW(TYPE_REVISION, decode_value)      \
	ROW(TYPE_SCHEME, decode_value)        \
	ROW(TYPE_TEXTS, take_texts)           \
	ROW(TYPE_CSV, take_csv)               \
	ROW(TYPE_WORDS, take_words)           \
	ROW(TYPE_COMMANDS, decode_commands)   \
	ROW(TYPE_PAIRS, decode_pairs)         \
	ROW(TYPE_ENV, decode_pairs)           \
	ROW(TYPE_PAIR, decode_pair)           \
	ROW(TYPE_PORTS, decode_ports)         \
	ROW(TYPE_ENV_FILES, decode_env_files) \
	ROW(TYPE_MOUNTS, decode_mounts)       \
	ROW(TYPE_HOSTS, decode_hosts)         \
	ROW(TYPE_ULIMITS, decode_ulimits)     \
	ROW(TYPE_SECRETS, decode_secrets)     \
	ROW(TYPE_OUTPUTS, decode_outputs)     \
	ROW(TYPE_SOURCES, decode_sources)     \
	ROW(TYPE_NAMED, take_named)           \
	ROW(TYPE_ITEMS, take_items)           \
	ROW(TYPE_TEST, decode_test)           \
	ROW(TYPE_DEPENDS, decode_depends)     \
	ROW(TYPE_DEVICES, decode_devices)     \
	ROW(TYPE_NETWORKS, decode_networks)   \
	ROW(TYPE_PEERS, decode_peers)         \
	ROW(TYPE_MAP, take_map_value)
TABLE_ROWS_COMPLETE(TAKES, SCHEMA_TYPES);
static take *const takes[] = { TAKES(TABLE_ROW) };

static void decode_key(struct decode *d, const struct schema_key *key, const struct entry *entry, void *out)
{
	void *at = (char *)out + key->offset;

	bug_if((size_t)key->type >= sizeof(takes) / sizeof(takes[0]), "\"%s\" has the type %d", key->name,
	       (int)key->type);
	if (key->has)
		*(bool *)((char *)out + key->has) = true;
	if (key->pos)
		*(struct pos *)((char *)out + key->pos) = entry->pos;
	if (key->type == TYPE_MAP)
		*(struct pos *)at = entry->pos;
	if (takes[key->type])
		takes[key->type](d, key, entry->value, at);
}

/* Empty, perhaps because of an empty variable: treated as if it was not given. */
static bool is_unset(const struct schema_key *key, const struct yaml_node *node)
{
	return node->kind == NODE_SCALAR && !node->len && (key->type == TYPE_TEXT || key->type == TYPE_PULL) &&
	       (key->flags & FLAG_FILLED) && !(key->flags & FLAG_REQUIRED);
}

void decode_map(struct decode *d, const struct schema *schema, const struct yaml_node *node, void *out)
{
	struct entry single = { schema->short_key, node->pos, (struct yaml_node *)node };

	if (node->kind != NODE_MAP) {
		const struct schema_key *key = schema_find(schema, schema->short_key);

		if (!is_unset(key, node))
			decode_key(d, key, &single, out);
		return;
	}
	for (size_t i = 0; i < node->len; i++) {
		const struct entry *entry = &node->entries[i];
		const struct schema_key *key;

		if (node_key_ignored(entry->key))
			continue;
		key = schema_find(schema, entry->key);
		if (!key)
			unknown_key(d, schema, entry);
		else if (entry->value->kind == NODE_NULL && (key->flags & (FLAG_REQUIRED | FLAG_FILLED)))
			decode_wrong_type(d, key, entry->value);
		else if (entry->value->kind != NODE_NULL && !is_unset(key, entry->value))
			decode_key(d, key, entry, out);
	}
	for (size_t i = 0; i < schema->len; i++)
		if ((schema->keys[i].flags & FLAG_REQUIRED) && !is_given(schema, node, schema->keys[i].name))
			diags_add(d->diags, node->pos, NULL, "%s%s%s needs \"%s\"", schema == &schema_root ? "" : "\"",
				  schema->name, schema == &schema_root ? "" : "\"", schema->keys[i].name);
}
