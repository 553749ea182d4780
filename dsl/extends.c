#include "config.h"

#include <string.h>

#include "base/buf.h"
#include "base/map.h"
#include "base/mem.h"
#include "base/text.h"
#include "dsl/interp.h"
#include "dsl/merge.h"
#include "dsl/node.h"
#include "dsl/schema.h"

/* One step on the way from a service to the last template it builds on. */
struct step {
	const struct entry *entry;
	struct node *node;
	struct pos pos; /* of the name in `extends:` that leads on */
};

struct chain {
	struct step steps[MERGE_DEPTH_MAX];
	size_t len;
};

static const char *nearest_name(const struct merge *m, const char *name, bool services_only)
{
	const struct map *maps[] = { m->service_names, m->template_names };
	size_t len = 0, room = map_len(maps[0]) + map_len(maps[1]);
	const char **names;

	if (room > 1000)
		return NULL;
	names = arena_array(m->arena, room, sizeof(*names));
	for (size_t i = 0; i < (services_only ? 1 : 2); i++)
		for (size_t j = 0; j < map_len(maps[i]); j++)
			names[len++] = map_key(maps[i], j);
	return text_nearest(name, names, len);
}

/* {service: NAME}, compose's form. */
static const struct node *extends_map(struct merge *m, const struct node *node)
{
	const struct node *service = node_get(node, "service");
	const struct entry *file = node_entry(node, "file");

	if (file) {
		diags_add(m->diags, file->pos, NULL, "\"extends\" cannot take a service from another file yet");
		return NULL;
	}
	for (size_t i = 0; i < node->len; i++)
		if (strcmp(node->entries[i].key, "service") != 0 && !node_key_ignored(node->entries[i].key))
			diags_add(m->diags, node->entries[i].pos, "\"extends\" takes a name, or {service: NAME}",
				  "unknown key \"%s\" in \"extends\"", node->entries[i].key);
	if (!service)
		diags_add(m->diags, node->pos, NULL, "\"extends\" needs \"service\"");
	return service;
}

static const struct entry *find_name(const struct merge *m, const char *name, bool services_only)
{
	const struct entry *found = services_only ? NULL : map_get(m->template_names, name);

	return found ? found : map_get(m->service_names, name);
}

/* What a node extends: found, or NULL (nothing, or complained). `*pos` is where its name stands. */
static const struct entry *find_base(struct merge *m, const struct node *node, struct pos *pos)
{
	const struct node *extends = node_get(node, "extends");
	bool services_only = extends && extends->kind == NODE_MAP;
	const struct entry *found;
	const char *nearest;

	if (services_only)
		extends = extends_map(m, extends);
	if (!extends || extends->kind == NODE_NULL || extends->kind == NODE_BROKEN)
		return NULL;
	*pos = extends->pos;
	if (extends->kind != NODE_SCALAR) {
		diags_add(m->diags, extends->pos, NULL, "\"extends\" must be one name, but this is %s",
			  node_type_name(extends));
		return NULL;
	}
	found = find_name(m, extends->text, services_only);
	if (found)
		return found;
	nearest = nearest_name(m, extends->text, services_only);
	diags_add(m->diags, extends->pos, nearest ? arena_printf(m->arena, "did you mean \"%s\"?", nearest) : NULL,
		  services_only ? "there is no service \"%s\" to extend"
				: "there is no template or service \"%s\" to extend",
		  extends->text);
	return NULL;
}

struct node *merge_written(struct merge *m, const struct entry *entry, const char *key)
{
	for (size_t depth = 0; entry && depth < MERGE_DEPTH_MAX; depth++) {
		struct node *value = node_get(entry->value, key), *extends = node_get(entry->value, "extends");
		bool services_only = extends && extends->kind == NODE_MAP;

		if (value && value->kind != NODE_NULL)
			return value;
		if (services_only)
			extends = node_get(extends, "service");
		if (extends && extends->dollar)
			extends = interp_node(m->interp, NULL, extends);
		if (!extends || extends->kind != NODE_SCALAR)
			return NULL;
		entry = find_name(m, extends->text, services_only);
	}
	return NULL;
}

static void complain_cycle(struct merge *m, const struct chain *chain, size_t first)
{
	struct buf path cleanup_buf = { 0 };

	for (size_t i = first; i < chain->len; i++)
		buf_printf(&path, "%s -> ", chain->steps[i].entry->key);
	diags_add(m->diags, chain->steps[first].pos, NULL, "\"%s\" extends itself: %s%s",
		  chain->steps[first].entry->key, path.data ? path.data : "", chain->steps[first].entry->key);
	for (size_t i = first + 1; i < chain->len; i++)
		diags_note(m->diags, chain->steps[i].pos, "\"%s\" extends \"%s\" here", chain->steps[i].entry->key,
			   chain->steps[i + 1 < chain->len ? i + 1 : first].entry->key);
}

/* Each cycle is told once, by the member that was written first. */
static void check_cycle(struct merge *m, const struct chain *chain, const struct entry *again)
{
	size_t first = 0;

	while (chain->steps[first].entry != again)
		first++;
	for (size_t i = first + 1; i < chain->len; i++) {
		struct pos a = chain->steps[i].entry->pos, b = again->pos;

		if (a.line < b.line || (a.line == b.line && a.column < b.column))
			return;
	}
	complain_cycle(m, chain, first);
}

static bool in_chain(const struct chain *chain, const struct entry *entry)
{
	for (size_t i = 0; i < chain->len; i++)
		if (chain->steps[i].entry == entry)
			return true;
	return false;
}

/* Follows `extends`. False after a complaint that breaks the chain. */
static void follow(struct merge *m, const struct entry *entry, struct chain *chain)
{
	while (entry) {
		struct step *step;

		if (in_chain(chain, entry)) {
			check_cycle(m, chain, entry);
			return;
		}
		if (chain->len == MERGE_DEPTH_MAX) {
			diags_add(m->diags, entry->pos, NULL, "templates extend one another more than %d deep",
				  MERGE_DEPTH_MAX);
			return;
		}
		step = &chain->steps[chain->len++];
		*step = (struct step){ .entry = entry, .node = interp_node(m->interp, &schema_service, entry->value) };
		if (chain->len > 1)
			map_set(m->used, entry->key, (void *)entry);
		entry = step->node->kind == NODE_MAP ? find_base(m, step->node, &step->pos) : NULL;
	}
}

struct node *merge_service(struct merge *m, const struct entry *entry)
{
	struct chain chain = { .len = 0 };
	struct node *node = NULL;

	follow(m, entry, &chain);
	for (size_t i = chain.len; i-- > 0;) {
		if (chain.steps[i].node->kind != NODE_MAP)
			continue;
		node = node ? merge_nodes(m->arena, &schema_service, node, chain.steps[i].node) : chain.steps[i].node;
	}
	if (!node)
		return NULL;
	if (m->nodes <= MERGE_NODES_MAX && (m->nodes += node->size) > MERGE_NODES_MAX)
		diags_add(m->diags, entry->pos, NULL,
			  "the services have more than %d values together, with their templates filled in",
			  MERGE_NODES_MAX);
	return m->nodes > MERGE_NODES_MAX ? NULL : node;
}
