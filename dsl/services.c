#include "config.h"

#include <string.h>

#include "base/map.h"
#include "base/mem.h"
#include "dsl/decode.h"
#include "dsl/draft.h"
#include "dsl/interp.h"
#include "dsl/matrix.h"
#include "dsl/merge.h"
#include "dsl/node.h"
#include "dsl/schema.h"
#include "dsl/scope.h"
#include "dsl/services.h"

static bool is_map(struct services *s, const struct entry *entry, const char *what)
{
	if (entry->value->kind == NODE_MAP)
		return true;
	if (entry->value->kind == NODE_NULL)
		diags_add(s->decode->diags, entry->pos, NULL, "the %s \"%s\" is empty", what, entry->key);
	else if (entry->value->kind != NODE_BROKEN)
		diags_add(s->decode->diags, entry->value->pos,
			  !strcmp(what, "service") ? "write {build: ...} or {image: ...}" : NULL,
			  "the %s \"%s\" must be a map, but this is %s", what, entry->key, node_type_name(entry->value));
	return false;
}

/* Links without an alias only say what is started first. */
static bool is_used(const struct entry *entry)
{
	for (size_t i = 0; entry->value->kind == NODE_LIST && i < entry->value->len; i++)
		if (entry->value->items[i]->kind != NODE_SCALAR || strchr(entry->value->items[i]->text, ':'))
			return false;
	return !strcmp(entry->key, "links");
}

/* compose: what was not written itself is started before it, without a condition. */
static void add_peers(struct arena *arena, struct draft_service *draft)
{
	size_t len = draft->out.depends_len;
	struct depends *items = arena_array(arena, len + draft->rest.peers_len, sizeof(*items));

	if (len > 0)
		memcpy(items, draft->out.depends, len * sizeof(*items));
	for (size_t i = 0; i < draft->rest.peers_len; i++) {
		size_t at = 0;

		while (at < len && strcmp(items[at].name.s, draft->rest.peers[i].name.s) != 0)
			at++;
		if (at == len)
			items[len++] = draft->rest.peers[i];
	}
	draft->out.depends = items;
	draft->out.depends_len = len;
}

/* Notes compose's keys about how it runs that are accepted but have no effect. */
static void note_unused(struct services *s, const struct yaml_node *node, struct texts *unused)
{
	unused->items = arena_array(s->decode->arena, node->len, sizeof(*unused->items));
	for (size_t i = 0; i < node->len; i++) {
		const struct entry *entry = &node->entries[i];
		const struct schema_key *key = schema_find(&schema_service, entry->key);

		if (key && (key->type == TYPE_SHAPE || key->type == TYPE_PEERS) && !(key->flags & FLAG_IDLE) &&
		    !key->has && entry->value->kind != NODE_NULL && !is_used(entry))
			unused->items[unused->len++] = (struct text){ entry->key, entry->pos };
	}
}

/* Decodes one service, or one combination of its matrix. The scope was entered already. */
static void decode_service(struct services *s, const struct entry *entry, const struct combo *combo,
			   struct draft_service *draft)
{
	const struct entry *name;
	struct yaml_node *node;

	draft->out.pos = entry->pos;
	draft->out.publish = true;
	node = merge_service(s->merge, entry);
	draft->rest.incomplete = s->merge->broken;
	name = node_entry(node, "name");
	if (name && !combo)
		diags_add(s->decode->diags, name->pos, "its key is its name, and \"image\" names what it makes",
			  "\"name\" is for services with a \"matrix\"");
	if (node)
		decode_map(s->decode, &schema_service, node, draft);
	if (node)
		note_unused(s, node, &draft->out.unused);
	add_peers(s->decode->arena, draft);
	scope_enter(s->decode->scope, NULL, NULL);
}

static void keep_service(struct services *s, const struct draft_service *service)
{
	struct draft *draft = s->draft;

	draft->items[draft->len] = service->out;
	draft->rests[draft->len++] = service->rest;
}

/* The services that a matrix makes from one. */
struct made {
	bool has; /* it has a matrix, even if a faulty one */
	struct combo *combos;
	size_t len;
};

static struct made read_matrix(struct services *s, const struct entry *entry, size_t *tried)
{
	struct yaml_node *matrix = entry->value->kind == NODE_MAP ? merge_written(s->merge, entry, "matrix") : NULL;
	struct made made = { .has = matrix != NULL };

	if (!matrix)
		return made;
	scope_enter(s->decode->scope, entry->key, NULL);
	made.combos = matrix_read(s->decode, interp_node(s->merge->interp, NULL, matrix), tried, &made.len);
	scope_enter(s->decode->scope, NULL, NULL);
	if (!made.combos)
		made.len = 0;
	return made;
}

/* The name of one service of a matrix; s NULL after a complaint. */
static struct text made_name(struct services *s, const struct entry *entry, const struct combo *combo)
{
	static const struct schema_key key = { .name = "name", .type = TYPE_TEXT, .flags = FLAG_FILLED };
	struct text name = { combo_name(s->decode->arena, entry->key, combo), entry->pos };
	struct yaml_node *written;

	scope_enter(s->decode->scope, entry->key, combo);
	written = merge_written(s->merge, entry, "name");
	if (!written && !name.s)
		diags_add(s->decode->diags, entry->pos, "write name: \"...${matrix.NAME}...\"",
			  "a matrix whose values are maps needs \"name\"");
	if (!written)
		return name;
	name.s = NULL;
	decode_text(s->decode, &key, interp_node(s->merge->interp, NULL, written), &name);
	return name;
}

static void services_complain_twice(struct services *s, const struct text *name, const struct combo *combo,
				    const struct combo *first)
{
	diags_add(s->decode->diags, name->pos, "mention every variable of the matrix in \"name\"",
		  "the matrix makes two services called \"%s\": with %s and with %s", name->s,
		  combo_text(s->decode->arena, first), combo_text(s->decode->arena, combo));
}

static void decode_made(struct services *s, const struct entry *entry, const struct made *made)
{
	struct draft_group *group = &s->draft->groups[s->draft->groups_len++];
	struct map *names cleanup_map = map_new();

	*group = (struct draft_group){ .name = { entry->key, entry->pos }, .of_matrix = true };
	group->members.items = arena_array(s->decode->arena, made->len, sizeof(*group->members.items));
	for (size_t i = 0; i < made->len; i++) {
		struct draft_service service = { 0 };
		const struct combo *first;

		service.out.name = made_name(s, entry, &made->combos[i]);
		if (!service.out.name.s)
			continue;
		first = map_get(names, service.out.name.s);
		if (first) {
			services_complain_twice(s, &service.out.name, &made->combos[i], first);
			continue;
		}
		map_set(names, service.out.name.s, &made->combos[i]);
		scope_enter(s->decode->scope, service.out.name.s, &made->combos[i]);
		decode_service(s, entry, &made->combos[i], &service);
		keep_service(s, &service);
		group->members.items[group->members.len++] = service.out.name;
	}
}

void services_decode(struct services *s, const struct yaml_node *services)
{
	struct draft *draft = s->draft;
	size_t count = services ? services->len : 0, len = 0, groups = 0, tried = 0;
	struct made *made = arena_array(s->decode->arena, count, sizeof(*made));

	for (size_t i = 0; i < count; i++) {
		made[i] = read_matrix(s, &services->entries[i], &tried);
		len += made[i].has ? made[i].len : 1;
		groups += made[i].has;
	}
	draft->items = arena_array(s->decode->arena, len, sizeof(*draft->items));
	draft->rests = arena_array(s->decode->arena, len, sizeof(*draft->rests));
	draft->groups = arena_array(s->decode->arena, groups, sizeof(*draft->groups));
	for (size_t i = 0; i < count; i++) {
		const struct entry *entry = &services->entries[i];
		struct draft_service service = { .out.name = { entry->key, entry->pos } };

		if (!is_map(s, entry, "service"))
			continue;
		if (made[i].has) {
			decode_made(s, entry, &made[i]);
			continue;
		}
		scope_enter(s->decode->scope, entry->key, NULL);
		decode_service(s, entry, NULL, &service);
		keep_service(s, &service);
	}
}

/* Checks a template that no service extends for faults. */
void services_check_templates(struct services *s, const struct yaml_node *templates)
{
	static const struct combo unknown = { 0 };

	for (size_t i = 0; templates && i < templates->len; i++) {
		const struct entry *entry = &templates->entries[i];
		struct draft_service unused = { .out.name = { entry->key, entry->pos } };

		if (!is_map(s, entry, "template") || map_get(s->merge->used, entry->key) == entry)
			continue;
		scope_enter_template(s->decode->scope, entry->key);
		decode_service(s, entry, &unknown, &unused);
	}
}

void services_decode_groups(struct services *s, const struct yaml_node *groups)
{
	static const struct schema_key key = { .name = "groups", .type = TYPE_TEXTS, .flags = FLAG_FILLED };
	struct draft *draft = s->draft;
	size_t made = draft->groups_len;
	struct draft_group *all = arena_array(s->decode->arena, made + (groups ? groups->len : 0), sizeof(*all));

	if (made)
		memcpy(all, draft->groups, made * sizeof(*all));
	draft->groups = all;
	for (size_t i = 0; groups && i < groups->len; i++) {
		const struct entry *entry = &groups->entries[i];
		struct draft_group *group = &draft->groups[draft->groups_len++];

		group->name = (struct text){ entry->key, entry->pos };
		if (entry->value->kind == NODE_NULL)
			diags_add(s->decode->diags, entry->pos, NULL, "the group \"%s\" is empty", entry->key);
		else
			decode_texts(s->decode, &key, entry->value, &group->members);
	}
}
