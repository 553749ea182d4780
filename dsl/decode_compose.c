#include "config.h"

#include <stdlib.h>
#include <string.h>

#include "base/map.h"
#include "base/mem.h"
#include "base/table.h"
#include "dsl/choice.h"
#include "dsl/decode.h"
#include "dsl/late.h"
#include "dsl/manifest.h"
#include "dsl/node.h"
#include "dsl/schema.h"
#include "dsl/scope.h"

static int compare_pairs(const void *left, const void *right)
{
	return strcmp(((const struct pair *)left)->key.s, ((const struct pair *)right)->key.s);
}

/* The last of several equal names wins. */
static void add_pair(struct pairs *pairs, struct map *seen, const struct pair *pair)
{
	struct pair *there = map_get(seen, pair->key.s);

	if (!there)
		map_set(seen, pair->key.s, there = &pairs->items[pairs->len++]);
	*there = *pair;
}

/* In an environment, a name without a value takes the value from outside. */
static void missing_value(struct decode *d, const struct schema_key *key, struct pair *pair)
{
	pair->value = (struct text){ key->type == TYPE_ENV ? scope_environ(d->scope, pair->key.s, pair->key.pos) : "",
				     pair->key.pos };
}

static bool pair_from_entry(struct decode *d, const struct schema_key *key, const struct entry *entry, struct pair *ret)
{
	struct schema_key value_key = *key;

	ret->key = (struct text){ entry->key, entry->pos };
	if (entry->value->kind == NODE_NULL) {
		missing_value(d, key, ret);
		return true;
	}
	if (entry->value->kind == NODE_LIST || entry->value->kind == NODE_MAP) {
		diags_add(d->diags, entry->value->pos, NULL, "the value of \"%s\" must be a single one, but this is %s",
			  entry->key, node_type_name(entry->value));
		return false;
	}
	value_key.flags &= ~(unsigned)FLAG_FILLED;
	return decode_text(d, &value_key, entry->value, &ret->value);
}

static bool pair_from_item(struct decode *d, const struct schema_key *key, const struct yaml_node *node, struct pair *ret)
{
	struct text text;
	const char *equals;

	if (node->kind == NODE_MAP) {
		diags_add(d->diags, node->pos, "write NAME=value, or leave out the \"- \"",
			  "an item of \"%s\" must be NAME=value, but this is a map", key->name);
		return false;
	}
	if (node->kind != NODE_SCALAR) {
		if (node->kind != NODE_BROKEN)
			diags_add(d->diags, node->pos, NULL, "an item of \"%s\" must be NAME=value, but this is %s",
				  key->name, node_type_name(node));
		return false;
	}
	if (!decode_text(d, key, node, &text))
		return false;
	equals = strchr(text.s, '=');
	ret->key =
		(struct text){ equals ? arena_strndup(d->arena, text.s, (size_t)(equals - text.s)) : text.s, text.pos };
	if (equals)
		ret->value = (struct text){ equals + 1, text.pos };
	else
		missing_value(d, key, ret);
	return true;
}

/* Lists of names and values are passed to builders and runtimes as lines, so they may hold no control characters. */
static bool has_control(const char *s)
{
	for (; *s; s++)
		if ((unsigned char)*s < 0x20 || *s == 0x7f)
			return true;
	return false;
}

static bool check_name(struct decode *d, const struct schema_key *key, const struct pair *pair)
{
	size_t len;
	const char *late = late_foreign(pair->key.s, NULL, NULL, &len);

	if (late)
		diags_add(d->diags, pair->key.pos, NULL, "${%.*s} cannot be part of a name", (int)len, late);
	else if (!*pair->key.s)
		diags_add(d->diags, pair->key.pos, NULL, "a name is missing in \"%s\"", key->name);
	else if (strchr(pair->key.s, '='))
		diags_add(d->diags, pair->key.pos, NULL, "the name \"%s\" must not contain \"=\"", pair->key.s);
	else if (has_control(pair->key.s))
		diags_add(d->diags, pair->key.pos, NULL, "the name \"%s\" must not contain control characters",
			  pair->key.s);
	else
		return true;
	return false;
}

void decode_pairs(struct decode *d, const struct schema_key *key, const struct yaml_node *node, void *out)
{
	struct map *seen cleanup_map = NULL;
	struct pairs *pairs = out;

	if (node->kind != NODE_MAP && node->kind != NODE_LIST) {
		decode_wrong_type(d, key, node);
		return;
	}
	seen = map_new();
	pairs->items = arena_array(d->arena, node->len, sizeof(*pairs->items));
	for (size_t i = 0; i < node->len; i++) {
		struct pair pair = { 0 };
		bool good = node->kind == NODE_MAP ? pair_from_entry(d, key, &node->entries[i], &pair)
						   : pair_from_item(d, key, node->items[i], &pair);

		if (good && check_name(d, key, &pair))
			add_pair(pairs, seen, &pair);
	}
	qsort(pairs->items, pairs->len, sizeof(*pairs->items), compare_pairs);
}

void decode_pair(struct decode *d, const struct schema_key *key, const struct yaml_node *node, void *out)
{
	struct text *texts = out;
	struct pair pair = { 0 };

	if (node->kind != NODE_MAP) {
		decode_wrong_type(d, key, node);
		return;
	}
	if (node->len != 1) {
		diags_add(d->diags, node->pos, NULL, "\"%s\" takes one path and its value, but there are %zu",
			  key->name, node->len);
		return;
	}
	if (!pair_from_entry(d, key, &node->entries[0], &pair) || !check_name(d, key, &pair))
		return;
	texts[0] = pair.key;
	texts[1] = pair.value;
}

static void decode_condition(struct decode *d, const struct yaml_node *node, enum depends_condition *ret)
{
	static const char *const names[] = { "service_started", "service_healthy", "service_completed_successfully" };
	TABLE_COMPLETE(names, DEPENDS_CONDITIONS);
	static const struct word_choice conditions = {
		.names = names,
		.len = DEPENDS_CONDITIONS,
		.before = "unknown condition ",
		.after = "",
		.help = "conditions are service_started, service_healthy and service_completed_successfully",
	};
	const struct text text = { node->text, node->pos };
	size_t found;

	if (node->kind == NODE_SCALAR && choice_find(&conditions, &text, d->diags, d->arena, &found))
		*ret = (enum depends_condition)found;
	else if (node->kind != NODE_SCALAR && node->kind != NODE_BROKEN)
		diags_add(d->diags, node->pos, NULL, "a condition must be a text, but this is %s", node_type_name(node));
}

/* {condition: ..., restart: ..., required: ...}; "restart" matters only to compose. */
static void decode_depends_entry(struct decode *d, const struct schema_key *key, const struct entry *entry,
				 struct depends *ret)
{
	static const struct schema_key required_key = { .name = "required", .type = TYPE_BOOL };
	static const struct schema_key restart_key = { .name = "restart", .type = TYPE_BOOL };
	bool required = true;

	ret->name = (struct text){ entry->key, entry->pos };
	if (entry->value->kind == NODE_NULL || entry->value->kind == NODE_BROKEN)
		return;
	if (entry->value->kind != NODE_MAP) {
		diags_add(d->diags, entry->value->pos, "write {condition: service_healthy}",
			  "the dependency \"%s\" takes a map, but this is %s", entry->key, node_type_name(entry->value));
		return;
	}
	for (size_t i = 0; i < entry->value->len; i++) {
		const struct entry *part = &entry->value->entries[i];

		if (!strcmp(part->key, "condition"))
			decode_condition(d, part->value, &ret->condition);
		else if (!strcmp(part->key, "required") && part->value->kind != NODE_NULL)
			decode_value(d, &required_key, part->value, &required);
		else if (!strcmp(part->key, "restart") && part->value->kind != NODE_NULL)
			decode_value(d, &restart_key, part->value, &ret->restart);
	}
	decode_known(d, key, entry->value, "a dependency");
	ret->optional = !required;
}

void decode_depends(struct decode *d, const struct schema_key *key, const struct yaml_node *node, void *out)
{
	struct depends *items;
	struct texts names = { 0 };
	size_t len = 0;

	if (node->kind == NODE_MAP) {
		items = arena_array(d->arena, node->len, sizeof(*items));
		for (; len < node->len; len++)
			decode_depends_entry(d, key, &node->entries[len], &items[len]);
		decode_put_array(out, items, len);
		return;
	}
	if (node->kind != NODE_LIST) {
		decode_wrong_type(d, key, node);
		return;
	}
	decode_texts(d, key, node, &names);
	items = arena_array(d->arena, names.len, sizeof(*items));
	for (; len < names.len; len++)
		items[len].name = names.items[len];
	decode_put_array(out, items, len);
}

/* compose-spec, 05-services: "db:alias", "db:ro", "service:db". Empty when it names no service of the project. */
static struct text peer_name(struct decode *d, const struct schema_key *key, struct text written)
{
	static const char service[] = "service:", container[] = "container:";
	const char *name = written.s;

	if (key->flags & FLAG_SINGLE)
		return (struct text){ strncmp(name, service, strlen(service)) ? "" : name + strlen(service), written.pos };
	if (!strncmp(name, container, strlen(container)))
		return (struct text){ "", written.pos };
	return (struct text){ arena_strndup(d->arena, name, strcspn(name, ":")), written.pos };
}

void decode_peers(struct decode *d, const struct schema_key *key, const struct yaml_node *node, void *out)
{
	struct depends *items, *before;
	struct texts names = { 0 };
	size_t len;

	if (node->kind != (key->flags & FLAG_LIST ? NODE_LIST : NODE_SCALAR)) {
		decode_wrong_type(d, key, node);
		return;
	}
	memcpy(&before, out, sizeof(before));
	memcpy(&len, (char *)out + sizeof(before), sizeof(len));
	decode_texts(d, key, node, &names);
	items = arena_array(d->arena, len + names.len, sizeof(*items));
	if (len > 0)
		memcpy(items, before, len * sizeof(*items));
	for (size_t i = 0; i < names.len; i++) {
		items[len] = (struct depends){ .name = peer_name(d, key, names.items[i]),
					       .restart = strcmp(key->name, "volumes_from") != 0 };
		len += *items[len].name.s != 0;
	}
	decode_put_array(out, items, len);
}

static bool device_text(struct decode *d, const struct schema_key *key, const struct yaml_node *node, struct text *ret)
{
	static const char *const parts[] = { "source", "target", "permissions" };
	static const struct schema_key part_key = { .name = "devices", .type = TYPE_TEXT, .flags = FLAG_FILLED };
	const char *text = "";

	if (node->kind != NODE_MAP)
		return decode_text(d, key, node, ret);
	decode_known(d, key, node, "a device");
	for (size_t i = 0; i < sizeof(parts) / sizeof(parts[0]); i++) {
		const struct yaml_node *given = node_get(node, parts[i]);
		struct text part;

		if (!given || given->kind == NODE_NULL)
			continue;
		if (!decode_text(d, &part_key, given, &part))
			return false;
		text = arena_printf(d->arena, "%s%s%s", text, *text ? ":" : "", part.s);
	}
	*ret = (struct text){ text, node->pos };
	return *text != '\0';
}

/* compose-spec, 05-services: "/dev/fuse:/dev/fuse:rw", or a map. */
void decode_devices(struct decode *d, const struct schema_key *key, const struct yaml_node *node, void *out)
{
	struct texts *devices = out;

	if (node->kind != NODE_LIST) {
		decode_wrong_type(d, key, node);
		return;
	}
	devices->items = arena_array(d->arena, node->len, sizeof(*devices->items));
	for (size_t i = 0; i < node->len; i++)
		devices->len += device_text(d, key, node->items[i], &devices->items[devices->len]);
}

/* compose-spec, 05-services: a list of names, or {NAME: {aliases: [...]}}. */
void decode_networks(struct decode *d, const struct schema_key *key, const struct yaml_node *node, void *out)
{
	static const struct schema_key aliases_key = { .name = "aliases", .type = TYPE_TEXTS, .flags = FLAG_FILLED };
	struct texts *aliases = out, names = { 0 };

	if (node->kind == NODE_LIST)
		decode_texts(d, key, node, &names);
	else if (node->kind != NODE_MAP)
		decode_wrong_type(d, key, node);
	for (size_t i = 0; node->kind == NODE_MAP && i < node->len; i++) {
		const struct yaml_node *network = node->entries[i].value, *given;
		struct texts more = { 0 };
		struct text *items;

		if (network->kind != NODE_MAP)
			continue;
		decode_known(d, key, network, "a network of a service");
		given = node_get(network, "aliases");
		if (!given || given->kind == NODE_NULL || !decode_texts(d, &aliases_key, given, &more) || more.len == 0)
			continue;
		items = arena_array(d->arena, aliases->len + more.len, sizeof(*items));
		if (aliases->len > 0)
			memcpy(items, aliases->items, aliases->len * sizeof(*items));
		memcpy(items + aliases->len, more.items, more.len * sizeof(*items));
		*aliases = (struct texts){ items, aliases->len + more.len };
	}
}
