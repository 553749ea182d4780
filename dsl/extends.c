#include "config.h"

#include <limits.h>
#include <string.h>

#include "base/buf.h"
#include "base/map.h"
#include "base/mem.h"
#include "base/text.h"
#include "dsl/decode.h"
#include "dsl/files.h"
#include "dsl/interp.h"
#include "dsl/manifest.h"
#include "dsl/merge.h"
#include "dsl/node.h"
#include "dsl/schema.h"
#include "dsl/unit.h"

/* One step of the chain from a service to the last template it builds on. */
struct extends_step {
	const struct entry *entry;
	struct yaml_node *node;
	struct pos pos; /* of the name in `extends:` that continues the chain */
};

struct chain {
	struct extends_step steps[MERGE_DEPTH_MAX];
	size_t len;
};

/* The meaning of an `extends` key. */
struct extending {
	const struct yaml_node *name; /* a scalar; NULL: nothing, or already complained about */
	bool services_only;           /* compose's form */
	const struct unit *where;     /* the manifest that the name is looked up in */
};

/* The names known in a file: its own when it is only extended, else the whole manifest's. */
static struct map *names_at(const struct merge *m, const struct unit *unit, bool services)
{
	for (; unit; unit = unit->parent)
		if (unit->services)
			return services ? unit->services : unit->templates;
	return services ? m->service_names : m->template_names;
}

static const char *nearest_name(const struct merge *m, const struct extending *extending)
{
	const struct map *maps[] = { names_at(m, extending->where, true), names_at(m, extending->where, false) };
	size_t len = 0, room = map_len(maps[0]) + map_len(maps[1]);
	const char **names;

	if (room > 1000)
		return NULL;
	names = arena_array(m->arena, room, sizeof(*names));
	for (size_t i = 0; i < (extending->services_only ? 1 : 2); i++)
		for (size_t j = 0; j < map_len(maps[i]); j++)
			names[len++] = map_key(maps[i], j);
	return text_nearest(extending->name->text, names, len);
}

/* {service: NAME, file: PATH}, compose's form. */
static void read_map(struct merge *m, const struct yaml_node *node, struct extending *ret)
{
	struct decode d = { m->arena, m->diags, m->files->scope };
	const struct yaml_node *file = node_get(node, "file");

	decode_known(&d, schema_find(&schema_service, "extends"), node, "\"extends\"");
	ret->services_only = true;
	ret->name = node_get(node, "service");
	if (!ret->name)
		diags_add(m->diags, node->pos, NULL, "\"extends\" needs \"service\"");
	if (!file || file->kind == NODE_NULL)
		return;
	if (file->kind == NODE_SCALAR)
		ret->where = files_extend(m->files, &(struct text){ file->text, file->pos });
	else if (file->kind != NODE_BROKEN)
		diags_add(m->diags, file->pos, NULL, "\"file\" must be a path, but this is %s", node_type_name(file));
	if (file->kind != NODE_SCALAR || !ret->where)
		ret->name = NULL;
}

/* `extends` must be interpolated already. */
static struct extending read_extends(struct merge *m, const struct yaml_node *extends)
{
	struct extending extending = { .name = extends };

	if (!extends || extends->kind == NODE_NULL || extends->tag == NODE_RESET)
		return (struct extending){ 0 };
	extending.where = unit_at(m->files->units, extends->pos);
	if (extends->kind == NODE_MAP)
		read_map(m, extends, &extending);
	if (!extending.name || extending.name->kind == NODE_SCALAR)
		return extending;
	if (extending.name->kind != NODE_BROKEN)
		diags_add(m->diags, extending.name->pos, NULL, "\"extends\" must be one name, but this is %s",
			  node_type_name(extending.name));
	return (struct extending){ 0 };
}

static const struct entry *find_extended(const struct merge *m, const struct extending *extending)
{
	const char *name = extending->name->text;
	const struct entry *found = extending->services_only ? NULL : map_get(names_at(m, extending->where, false), name);

	return found ? found : map_get(names_at(m, extending->where, true), name);
}

/* The node that this one extends. NULL: it extends nothing, or there was a complaint. `*pos`: where it is named. */
static const struct entry *find_base_entry(struct merge *m, const struct yaml_node *node, struct pos *pos)
{
	const struct yaml_node *extends = node_get(node, "extends");
	struct extending extending = read_extends(m, extends);
	const struct entry *found;
	const char *nearest;

	if (!extending.name) {
		m->broken |= extends && extends->kind != NODE_NULL && extends->tag != NODE_RESET;
		return NULL;
	}
	*pos = extending.name->pos;
	found = find_extended(m, &extending);
	if (found)
		return found;
	m->broken = true;
	nearest = nearest_name(m, &extending);
	diags_add(m->diags, extending.name->pos, nearest ? arena_printf(m->arena, "did you mean \"%s\"?", nearest) : NULL,
		  extending.services_only ? "there is no service \"%s\" to extend"
					  : "there is no template or service \"%s\" to extend",
		  extending.name->text);
	return NULL;
}

struct yaml_node *merge_written(struct merge *m, const struct entry *entry, const char *key)
{
	for (size_t depth = 0; entry && depth < MERGE_DEPTH_MAX; depth++) {
		struct yaml_node *value = node_get(entry->value, key), *extends = node_get(entry->value, "extends");
		struct extending extending;

		if (value && value->kind != NODE_NULL)
			return value->tag == NODE_RESET ? NULL : value;
		if (!extends)
			return NULL;
		extending = read_extends(m, interp_node(m->interp, NULL, extends));
		entry = extending.name ? find_extended(m, &extending) : NULL;
	}
	return NULL;
}

static void extends_complain_cycle(struct merge *m, const struct chain *chain, size_t first)
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

/* Each cycle is reported once, by the member that comes first in the manifest. */
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
	extends_complain_cycle(m, chain, first);
}

static bool in_chain(const struct chain *chain, const struct entry *entry)
{
	for (size_t i = 0; i < chain->len; i++)
		if (chain->steps[i].entry == entry)
			return true;
	return false;
}

/* Follows `extends` to its end. False after a complaint that breaks the chain. */
static void extends_follow(struct merge *m, const struct entry *entry, struct chain *chain)
{
	while (entry) {
		struct extends_step *step;

		m->broken |= in_chain(chain, entry) || chain->len == MERGE_DEPTH_MAX;
		if (in_chain(chain, entry)) {
			check_cycle(m, chain, entry);
			return;
		}
		if (chain->len == MERGE_DEPTH_MAX) {
			diags_add(m->diags, entry->pos, NULL, "templates extend each other more than %d levels deep",
				  MERGE_DEPTH_MAX);
			return;
		}
		step = &chain->steps[chain->len++];
		*step = (struct extends_step){ .entry = entry,
					       .node = interp_node(m->interp, &schema_service, entry->value) };
		if (chain->len > 1)
			map_set(m->used, entry->key, (void *)entry);
		entry = step->node->kind == NODE_MAP ? find_base_entry(m, step->node, &step->pos) : NULL;
	}
}

struct yaml_node *merge_service(struct merge *m, const struct entry *entry)
{
	struct chain chain = { .len = 0 };
	struct yaml_node *node = NULL;

	m->broken = false;
	extends_follow(m, entry, &chain);
	for (size_t i = chain.len; i-- > 0;) {
		if (chain.steps[i].node->kind != NODE_MAP)
			continue;
		node = node ? merge_nodes(m->arena, &schema_service, node, chain.steps[i].node) : chain.steps[i].node;
	}
	if (!node)
		return NULL;
	node = node_strip(m->arena, node, UINT_MAX);
	if (m->nodes <= MERGE_NODES_MAX && (m->nodes += node->size) > MERGE_NODES_MAX)
		diags_add(m->diags, entry->pos, NULL,
			  "the services have more than %d values together, with their templates filled in",
			  MERGE_NODES_MAX);
	return m->nodes > MERGE_NODES_MAX ? NULL : node;
}
