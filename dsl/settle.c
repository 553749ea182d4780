#include "config.h"

#include <string.h>

#include "base/map.h"
#include "base/mem.h"
#include "dsl/files.h"
#include "dsl/interp.h"
#include "dsl/manifest.h"
#include "dsl/merge.h"
#include "dsl/node.h"
#include "dsl/schema.h"
#include "dsl/scope.h"
#include "dsl/settle.h"
#include "dsl/unit.h"

/* Compose handles one file after another: it fills in variables, then resolves `extends`, and only then merges the
 * file over the previous ones. What cannot be resolved here is left to dsl/extends.c, which complains. */

/* Where to look for a service that is extended. */
struct settle_names {
	const struct unit *unit;
	const struct map *services; /* name -> struct entry */
};

static struct yaml_node *settle_service(struct files *files, const struct settle_names *names,
					const struct entry *entry, unsigned depth);

/* The service that `extends` names: {service: NAME, file: PATH}, or NAME. NULL: it is not here. */
static const struct entry *find_base(struct files *files, const struct yaml_node *extends, struct settle_names *names)
{
	const struct yaml_node *name = extends->kind == NODE_MAP ? node_get(extends, "service") : extends;
	const struct yaml_node *file = extends->kind == NODE_MAP ? node_get(extends, "file") : NULL;

	for (size_t i = 0; extends->kind == NODE_MAP && i < extends->len; i++)
		if (strcmp(extends->entries[i].key, "service") != 0 && strcmp(extends->entries[i].key, "file") != 0)
			return NULL;
	if (!name || name->kind != NODE_SCALAR || (file && file->kind != NODE_SCALAR && file->kind != NODE_NULL))
		return NULL;
	if (file && file->kind == NODE_SCALAR) {
		const struct unit *unit = files_extend(files, &(struct text){ file->text, file->pos });

		if (!unit || (unit != names->unit && !unit->services))
			return NULL;
		if (unit != names->unit)
			*names = (struct settle_names){ unit, unit->services };
	}
	return map_get(names->services, name->text);
}

static struct yaml_node *follow_bases(struct files *files, const struct settle_names *names, struct yaml_node *node,
				      unsigned depth)
{
	const struct yaml_node *extends = node_get(node, "extends");
	struct settle_names where = *names;
	const struct entry *base;
	struct entry *entries;
	struct yaml_node *merged;
	size_t len = 0;

	if (!extends || extends->tag == NODE_RESET || depth == MERGE_DEPTH_MAX)
		return node;
	base = find_base(files, extends, &where);
	if (!base || base->value->kind != NODE_MAP)
		return node;
	merged = settle_service(files, &where, base, depth + 1);
	if (node_get(merged, "extends"))
		return node;
	entries = arena_array(files->arena, node->len, sizeof(*entries));
	for (size_t i = 0; i < node->len; i++)
		if (node->entries[i].value != extends)
			entries[len++] = node->entries[i];
	return merge_nodes(files->arena, &schema_service, merged, node_map(files->arena, node->pos, entries, len));
}

static struct yaml_node *settle_service(struct files *files, const struct settle_names *names,
					const struct entry *entry, unsigned depth)
{
	struct yaml_node *node = interp_node(scope_interp(files->scope), &schema_service, entry->value);

	return node->kind == NODE_MAP ? follow_bases(files, names, node, depth) : node;
}

struct yaml_node *settle_file(struct files *files, const struct unit *unit, struct yaml_node *tree)
{
	const struct yaml_node *services = node_get(tree, "services");
	struct map *index cleanup_map = map_new();
	const struct settle_names names = { unit, index };
	struct entry *settled, *all;

	if (!services || services->kind != NODE_MAP)
		return tree;
	settled = arena_array(files->arena, services->len, sizeof(*settled));
	for (size_t i = 0; i < services->len; i++)
		map_set(index, services->entries[i].key, &services->entries[i]);
	for (size_t i = 0; i < services->len; i++) {
		const struct entry *entry = &services->entries[i];

		settled[i] = *entry;
		/* cbuild's own key, whose variables are not known yet. */
		if (node_get(entry->value, "matrix"))
			continue;
		scope_enter(files->scope, entry->key, NULL);
		settled[i].value = settle_service(files, &names, entry, 0);
		scope_enter(files->scope, NULL, NULL);
	}
	all = arena_array(files->arena, tree->len, sizeof(*all));
	for (size_t i = 0; i < tree->len; i++) {
		all[i] = tree->entries[i];
		if (all[i].value == services)
			all[i].value = node_map(files->arena, services->pos, settled, services->len);
	}
	return node_map(files->arena, tree->pos, all, tree->len);
}
