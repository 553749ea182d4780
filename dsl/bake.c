#include "config.h"

#include <stdlib.h>
#include <string.h>

#include "base/diag.h"
#include "base/fs.h"
#include "base/map.h"
#include "base/mem.h"
#include "base/platform.h"
#include "base/text.h"
#include "dsl/bake.h"
#include "dsl/bake_build.h"
#include "dsl/bake_parts.h"
#include "dsl/hcl/coerce.h"
#include "dsl/hcl/expression.h"
#include "dsl/hcl/value.h"
#include "dsl/manifest.h"
#include "dsl/merge.h"
#include "dsl/node.h"
#include "dsl/schema.h"

/* Without a name to tell it: the first line that is no comment begins a block or an attribute, where YAML would have a key. */
static bool reads_as_hcl(const char *text)
{
	size_t word;

	for (text += strspn(text, " \t\r\n"); *text == '#'; text += strspn(text, " \t\r\n"))
		text += strcspn(text, "\n");
	if (*text == '{')
		return !strstr(text, "\"services\"");
	for (word = 0; *text != '-' && (hcl_word_rune((unsigned char)text[word]) || text[word] == '-'); word++)
		;
	word += word ? strspn(text + word, " \t") : 0;
	return *text == '/' ||
	       (word && text[word] && (strchr("\"{=", text[word]) || hcl_word_rune((unsigned char)text[word])));
}

bool bake_is_file(const char *path, const char *text)
{
	const char *dot = strrchr(path_base(path), '.');

	if (!strcmp(path, "-"))
		return reads_as_hcl(text);
	if (!dot || (strcmp(dot, ".hcl") != 0 && strcmp(dot, ".json") != 0))
		return false;
	if (!strcmp(dot, ".hcl"))
		return true;
	return !strstr(path_base(path), "compose") && !strstr(text, "\"services\"");
}

struct bake *bake_new(struct arena *arena, struct diags *diags, const struct load_options *options)
{
	struct bake *bake = mem_alloc(sizeof(*bake));
	char platform[PLATFORM_TEXT];
	struct platform host;

	platform_host(&host);
	platform_text(&host, platform);
	*bake = (struct bake){ .arena = arena, .diags = diags, .options = options, .heap = { arena, HCL_HEAP_MAX } };
	bake->eval = (struct hcl_eval){ .heap = &bake->heap, .diags = diags, .names = &bake_hcl_names, .data = bake };
	bake->local_platform = arena_strdup(arena, platform);
	bake->variables = map_new();
	bake->functions = map_new();
	bake->blocks = map_new();
	bake->groups = map_new();
	bake->matrices = map_new();
	bake->targets = map_new();
	bake->refused = map_new();
	return bake;
}

void bake_free(struct bake *bake)
{
	if (!bake)
		return;
	map_free(bake->variables);
	map_free(bake->functions);
	map_free(bake->blocks);
	map_free(bake->groups);
	map_free(bake->matrices);
	map_free(bake->targets);
	map_free(bake->refused);
	free(bake->pending);
	free(bake);
}

static void bake_take_block(struct bake *bake, const struct hcl_block *block)
{
	static const char *const types[] = { "target", "group", "variable", "function" };
	const char *nearest = text_nearest(block->type, types, 4);
	size_t type = 0;

	while (type < 4 && strcmp(types[type], block->type) != 0)
		type++;
	if (type == 4) {
		hcl_fail(&bake->eval, block->place,
			 nearest ? arena_printf(bake->arena, "did you mean \"%s\"?", nearest)
				 : "a bake file has the blocks target, group, variable and function",
			 "unknown block \"%s\"", block->type);
	} else if (block->labels_len != 1) {
		hcl_fail(&bake->eval, block->place, NULL, "a %s has one name: %s \"NAME\" { ... }", block->type,
			 block->type);
	} else if (type == 0) {
		mem_reserve(&bake->pending, &bake->pending_cap, bake->pending_len + 1, sizeof(struct hcl_block *));
		bake->pending[bake->pending_len++] = block;
	} else if (type == 1) {
		bake_take_group(bake, block);
	} else if (type == 2) {
		bake_take_variable(bake, block);
	} else {
		bake_take_function(bake, block);
	}
}

void bake_add(struct bake *bake, uint32_t file, const char *path)
{
	static const struct hcl_json_schema rules[] = { { "validation", 0, NULL }, { 0 } };
	static const struct hcl_json_schema schema[] = { { "target", 1, NULL },
							 { "group", 1, NULL },
							 { "variable", 1, rules },
							 { "function", 1, NULL },
							 { 0 } };
	const char *dot = strrchr(path_base(path), '.');
	const struct hcl_body *body;
	const char *text;
	size_t len;
	bool json;

	text = diags_source_text(bake->diags, file, &len);
	if (!text_utf8(text, len)) {
		diags_add(bake->diags, (struct pos){ file, 1, 1 }, NULL, "the file is not valid UTF-8, or contains NUL");
		return;
	}
	json = dot ? !strcmp(dot, ".json") : text[strspn(text, " \t\r\n")] == '{';
	body = json ? hcl_parse_json(bake->arena, bake->diags, file, schema) : hcl_parse(bake->arena, bake->diags, file);
	for (size_t i = 0; body && i < body->attrs_len; i++)
		bake_take_attribute(bake, &body->attrs[i]);
	for (size_t i = 0; body && i < body->blocks_len; i++)
		bake_take_block(bake, &body->blocks[i]);
}

/* Targets that others have as a context, and those that groups list. */
struct bake_uses {
	struct map *linked, *grouped;
};

static void use_contexts(struct bake *bake, struct bake_uses *uses)
{
	for (size_t i = 0; i < map_len(bake->blocks); i++) {
		const struct bake_target *target = bake_target_find(bake, map_key(bake->blocks, i));
		const struct hcl_value *contexts = target ? target->values[BAKE_CONTEXTS] : NULL;

		for (size_t j = 0; contexts && j < contexts->len; j++)
			if (!strncmp(contexts->items[j]->text, "target:", 7))
				map_set(uses->linked, contexts->items[j]->text + 7, (void *)target);
	}
}

/* The members of a group; NULL after a complaint. */
static const struct hcl_value *group_members(struct bake *bake, const struct bake_block *group)
{
	static const struct hcl_type text = { .kind = HCL_TYPE_STRING }, list = { .kind = HCL_TYPE_LIST, .item = &text };
	const struct hcl_attr *attr = hcl_attribute(group->block->body, "targets");
	const struct hcl_value *value = attr ? hcl_evaluate(&bake->eval, attr->expr, NULL) : NULL;

	if (!attr)
		return hcl_fail(&bake->eval, group->place, NULL, "the group \"%s\" has no \"targets\"", group->name);
	return value ? hcl_coerce(&bake->eval, &list, value, attr->expr->place) : NULL;
}

#define BAKE_GROUPS_MAX 64 /* levels of groups in one another */

/* The targets of a group, with those of the groups in it. A group in itself adds nothing, as in bake. */
struct bake_members {
	struct bake *bake;
	struct bake_uses *uses;
	struct map *targets; /* name -> struct hcl_value, the member */
	struct map *groups;  /* those that were looked into */
	unsigned depth;
};

static void add_group_members(struct bake_members *all, const struct hcl_value *members);

static const struct hcl_value *group_members_of(struct bake *bake, const char *name)
{
	const struct bake_block *group = map_get(bake->groups, name);

	return group ? group_members(bake, group) : map_get(bake->matrices, name);
}

static bool is_group(const struct bake *bake, const char *name)
{
	return map_get(bake->groups, name) || (map_get(bake->matrices, name) && !map_get(bake->blocks, name));
}

static void add_group_member(struct bake_members *all, const struct hcl_value *member)
{
	struct bake *bake = all->bake;
	const char *name = member->text;
	bool seen = map_get(all->groups, name) != NULL;
	const struct hcl_value *members;

	if (!is_group(bake, name) || (seen && map_get(bake->blocks, name))) {
		if (!map_get(all->targets, name))
			map_set(all->targets, name, (void *)member);
		map_set(all->uses->grouped, name, (void *)member);
		return;
	}
	if (seen)
		return;
	map_set(all->groups, name, (void *)member);
	members = group_members_of(bake, name);
	if (members && all->depth < BAKE_GROUPS_MAX)
		add_group_members(all, members);
	else if (members)
		hcl_fail(&bake->eval, member->place, NULL, "groups are nested more than %d deep", BAKE_GROUPS_MAX);
}

static void add_group_members(struct bake_members *all, const struct hcl_value *members)
{
	all->depth++;
	for (size_t i = 0; i < members->len; i++)
		if (members->items[i]->kind == HCL_STRING)
			add_group_member(all, members->items[i]);
	all->depth--;
}

static struct entry group_entry(struct bake *bake, struct bake_uses *uses, const char *name, struct hcl_place place)
{
	struct map *targets cleanup_map = map_new(), *groups cleanup_map = map_new();
	struct bake_members all = { bake, uses, targets, groups, 0 };
	const struct hcl_value self = { .kind = HCL_STRING, .place = place, .text = name },
			       *members = group_members_of(bake, name);
	struct pos pos = hcl_pos(&bake->eval, place);
	struct yaml_node **items;

	map_set(groups, name, (void *)&self);
	if (members)
		add_group_members(&all, members);
	items = arena_array(bake->arena, map_len(targets), sizeof(struct yaml_node *));
	for (size_t i = 0; i < map_len(targets); i++) {
		const struct hcl_value *member = map_value(targets, i);

		items[i] = node_scalar(bake->arena, hcl_pos(&bake->eval, member->place), member->text);
	}
	return (struct entry){ name, pos, node_list(bake->arena, pos, items, map_len(targets)) };
}

/* Groups as they are written, then matrices as groups of what they make. */
static struct yaml_node *groups_node(struct bake *bake, struct bake_uses *uses)
{
	struct entry *entries =
		arena_array(bake->arena, map_len(bake->groups) + map_len(bake->matrices), sizeof(*entries));
	size_t len = 0;

	for (size_t i = 0; i < map_len(bake->groups); i++) {
		const struct bake_block *group = map_value(bake->groups, i);

		entries[len++] = group_entry(bake, uses, group->name, group->place);
	}
	for (size_t i = 0; i < map_len(bake->matrices); i++) {
		const struct hcl_value *members = map_value(bake->matrices, i);
		const char *name = map_key(bake->matrices, i);

		if (!map_get(bake->groups, name) && is_group(bake, name) && members->len)
			entries[len++] = group_entry(bake, uses, name, members->items[0]->place);
	}
	return node_map(bake->arena, (struct pos){ 0 }, entries, len);
}

static struct yaml_node *service_node(struct bake_secrets *secrets, const struct bake_target *target, bool base)
{
	struct yaml_node *own = bake_service_node(secrets, target, base);

	return target->inherited && own ? merge_nodes(secrets->bake->arena, &schema_service, target->inherited, own)
					: own;
}

/* A target whose name begins with "_" is for others to inherit from, unless something builds it. */
static struct yaml_node *services_node(struct bake *bake, const struct bake_uses *uses, struct map *sources)
{
	struct bake_secrets secrets = { bake, sources };
	struct entry *entries = arena_array(bake->arena, map_len(bake->blocks), sizeof(*entries));
	size_t len = 0;

	for (size_t i = 0; i < map_len(bake->blocks); i++) {
		const char *name = map_key(bake->blocks, i);
		const struct bake_target *target = bake_target_find(bake, name);
		bool linked = map_get(uses->linked, name) != NULL, grouped = map_get(uses->grouped, name) != NULL;

		if (target && (*name != '_' || linked || grouped))
			entries[len++] = (struct entry){ target->name, hcl_pos(&bake->eval, target->place),
							 service_node(&secrets, target, linked && !grouped) };
	}
	return node_map(bake->arena, (struct pos){ 0 }, entries, len);
}

static struct yaml_node *secrets_tree(struct bake *bake, const struct map *sources)
{
	struct entry *entries = arena_array(bake->arena, map_len(sources), sizeof(*entries));

	for (size_t i = 0; i < map_len(sources); i++) {
		struct yaml_node *source = map_value(sources, i);

		entries[i] = (struct entry){ map_key(sources, i), source->pos, source };
	}
	return node_map(bake->arena, (struct pos){ 0 }, entries, map_len(sources));
}

struct yaml_node *bake_tree(struct bake *bake, const struct yaml_node *services)
{
	size_t complaints = diags_count(bake->diags);
	struct map *linked cleanup_map = map_new(), *grouped cleanup_map = map_new(), *sources cleanup_map = map_new();
	struct bake_uses uses = { linked, grouped };
	struct entry *entries = arena_array(bake->arena, 3, sizeof(*entries));

	bake->services = services;
	bake_check_variables(bake);
	bake_name_targets(bake);
	bake_read_overrides(bake);
	use_contexts(bake, &uses);
	entries[0] = (struct entry){ "groups", { 0 }, groups_node(bake, &uses) };
	entries[1] = (struct entry){ "services", { 0 }, services_node(bake, &uses, sources) };
	entries[2] = (struct entry){ "secrets", { 0 }, secrets_tree(bake, sources) };
	if (diags_count(bake->diags) > complaints)
		return NULL;
	return node_map(bake->arena, (struct pos){ 0 }, entries, 3);
}

struct text bake_refused(const struct bake *bake, const char *target, bool *ret_alone)
{
	const struct bake_refusal *refusal = bake ? map_get(bake->refused, target) : NULL;

	*ret_alone = refusal && refusal->alone;
	return refusal ? refusal->why : (struct text){ 0 };
}
