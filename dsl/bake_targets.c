#include "config.h"

#include <fnmatch.h>
#include <string.h>

#include "base/diag.h"
#include "base/map.h"
#include "base/mem.h"
#include "base/text.h"
#include "dsl/bake.h"
#include "dsl/bake_parts.h"
#include "dsl/hcl/coerce.h"
#include "dsl/hcl/expression.h"
#include "dsl/load.h"
#include "dsl/merge.h"
#include "dsl/node.h"
#include "dsl/schema.h"

/* Targets with what they inherit, and with what --set says. */

/* The list without empty items and repetitions, the first of equal ones staying. */
static const struct hcl_value *without_repetitions(struct bake *bake, const struct hcl_value *list)
{
	const struct hcl_value **items = arena_array(bake->arena, list->len, sizeof(*items));
	struct map *seen cleanup_map = map_new();
	size_t len = 0;

	for (size_t i = 0; i < list->len; i++)
		if (*list->items[i]->text && !map_set(seen, list->items[i]->text, (void *)list->items[i]))
			items[len++] = list->items[i];
	return hcl_placed(&bake->heap, hcl_sequence(&bake->heap, HCL_LIST, items, len), list->place);
}

static const struct hcl_value *appended(struct bake *bake, const struct hcl_value *one, const struct hcl_value *other)
{
	const struct hcl_value **items = arena_array(bake->arena, one->len + other->len, sizeof(*items));

	if (one->len)
		memcpy(items, one->items, one->len * sizeof(*items));
	if (other->len)
		memcpy(items + one->len, other->items, other->len * sizeof(*items));
	return hcl_placed(&bake->heap, hcl_sequence(&bake->heap, HCL_LIST, items, one->len + other->len), other->place);
}

/* The entries of both maps; `one` may be NULL. A null takes nothing away. */
static const struct hcl_value *joined(struct bake *bake, const struct hcl_value *one, const struct hcl_value *other)
{
	size_t len = one ? one->len : 0;
	const struct hcl_value **items = arena_array(bake->arena, len + other->len, sizeof(*items));
	const char **keys = arena_array(bake->arena, len + other->len, sizeof(*keys));

	for (size_t i = 0; i < len; i++) {
		keys[i] = one->keys[i];
		items[i] = one->items[i];
	}
	for (size_t i = 0; i < other->len; i++) {
		if (other->items[i]->kind == HCL_NULL)
			continue;
		keys[len] = other->keys[i];
		items[len++] = other->items[i];
	}
	return hcl_placed(&bake->heap, hcl_mapping(&bake->heap, HCL_MAP, keys, items, len), other->place);
}

static void merge_key(struct bake *bake, struct bake_target *target, enum bake_key key, const struct hcl_value *value)
{
	const struct hcl_value *there = target->values[key];

	if (!value)
		return;
	if (bake_keys[key].shape == BAKE_MAP)
		value = joined(bake, there, value);
	else if (bake_keys[key].joined && there)
		value = appended(bake, there, value);
	target->values[key] = value;
}

struct yaml_node *bake_composed(const struct bake *bake, const char *name)
{
	struct yaml_node *service = bake->services && bake->services->kind == NODE_MAP ? node_get(bake->services, name)
										       : NULL;

	return service && service->kind == NODE_MAP ? service : NULL;
}

/* Of a compose file's service only its image and how it is built. */
static void inherit_service(struct bake *bake, struct bake_target *target, const struct yaml_node *service)
{
	static const char *const keys[] = { "image", "build" };
	struct entry *entries = arena_array(bake->arena, 2, sizeof(*entries));
	struct yaml_node *part;
	size_t len = 0;

	for (size_t i = 0; i < service->len; i++)
		for (size_t j = 0; j < 2; j++)
			if (!strcmp(service->entries[i].key, keys[j]))
				entries[len++] = service->entries[i];
	part = node_map(bake->arena, service->pos, entries, len);
	target->inherited = target->inherited ? merge_nodes(bake->arena, &schema_service, target->inherited, part) : part;
}

static void inherit_from(struct bake *bake, struct bake_target *target, const struct hcl_value *inherits)
{
	for (size_t i = 0; inherits && i < inherits->len; i++) {
		const struct hcl_value *name = inherits->items[i];
		const struct bake_target *parent;

		if (!map_get(bake->blocks, name->text) && bake_composed(bake, name->text)) {
			inherit_service(bake, target, bake_composed(bake, name->text));
			continue;
		}
		if (!map_get(bake->blocks, name->text)) {
			bake_no_such(bake, bake->blocks, "target", name->text, name->place);
			continue;
		}
		parent = bake_target_find(bake, name->text);
		if (parent && parent->inherited)
			inherit_service(bake, target, parent->inherited);
		for (size_t key = 0; parent && key < BAKE_KEYS; key++)
			if (key != BAKE_INHERITS)
				merge_key(bake, target, (enum bake_key)key, parent->values[key]);
	}
}

/* Numbers the keys of --set whose name differs from the file's. */
static size_t override_key(const char *name)
{
	size_t key = 0;

	if (!strcmp(name, "platform"))
		return BAKE_PLATFORMS;
	if (!strcmp(name, "secrets"))
		return BAKE_SECRET;
	while (key < BAKE_KEYS && strcmp(bake_keys[key].name, name) != 0)
		key++;
	return key;
}

static const struct hcl_value *override_value(struct bake *bake, const struct bake_override *override, enum bake_key key)
{
	const struct hcl_value *text = hcl_placed(&bake->heap, hcl_string(&bake->heap, override->value), override->place);

	if (bake_keys[key].shape == BAKE_MAP)
		return hcl_mapping(&bake->heap, HCL_MAP, &override->part, &text, 1);
	if (bake_keys[key].shape == BAKE_TEXT)
		return text;
	if (bake_keys[key].shape != BAKE_BOOL)
		return hcl_sequence(&bake->heap, HCL_LIST, &text, *override->value ? 1 : 0);
	if (!strcmp(text->text, "true") || !strcmp(text->text, "1"))
		return hcl_bool(true);
	if (!strcmp(text->text, "false") || !strcmp(text->text, "0"))
		return hcl_bool(false);
	return hcl_fail(&bake->eval, override->place, NULL, "\"%s\" must be true or false", override->key);
}

/* What --set says for the lists of a target. */
struct bake_given {
	const struct hcl_value *lists[BAKE_KEYS]; /* the values of all --set for a key */
	bool append[BAKE_KEYS];                   /* the last of them has "+" */
};

static void apply_override(struct bake *bake, struct bake_target *target, const struct bake_override *override,
			   struct bake_given *given)
{
	size_t key = override_key(override->key);
	const struct hcl_value *value = override_value(bake, override, (enum bake_key)key);

	if (!value)
		return;
	if (bake_keys[key].shape == BAKE_LIST || bake_keys[key].shape == BAKE_ENTRIES) {
		given->lists[key] = given->lists[key] ? appended(bake, given->lists[key], value) : value;
		given->append[key] = override->append;
	} else {
		target->values[key] = bake_keys[key].shape == BAKE_MAP ? joined(bake, target->values[key], value) : value;
	}
}

/* They replace the list, but for those that bake only adds to. */
static void apply_lists(struct bake *bake, struct bake_target *target, const struct bake_given *given)
{
	for (size_t key = 0; key < BAKE_KEYS; key++) {
		bool adds = given->append[key] || key == BAKE_ENTITLEMENTS || key == BAKE_ANNOTATIONS ||
			    key == BAKE_ATTEST;

		if (given->lists[key])
			target->values[key] = adds && target->values[key]
						      ? appended(bake, target->values[key], given->lists[key])
						      : given->lists[key];
	}
}

/* A name means that target; a pattern all that match it, but for a target that is called so. */
static bool override_meets(const struct bake *bake, const struct bake_override *override, const char *name)
{
	if (map_get(bake->blocks, override->pattern))
		return !strcmp(override->pattern, name);
	return fnmatch(override->pattern, name, FNM_NOESCAPE) == 0;
}

static void finish_target(struct bake *bake, struct bake_target *target)
{
	const struct hcl_value *network;
	struct bake_given given = { 0 };

	for (size_t i = 0; i < bake->overrides_len; i++)
		if (override_meets(bake, &bake->overrides[i], target->name))
			apply_override(bake, target, &bake->overrides[i], &given);
	apply_lists(bake, target, &given);
	network = target->values[BAKE_NETWORK];
	if (network && !strcmp(network->text, "host")) {
		const struct hcl_value *right =
			hcl_placed(&bake->heap, hcl_string(&bake->heap, "network.host"), network->place);
		const struct hcl_value *list = hcl_sequence(&bake->heap, HCL_LIST, &right, 1);

		target->values[BAKE_ENTITLEMENTS] = target->values[BAKE_ENTITLEMENTS]
							    ? appended(bake, target->values[BAKE_ENTITLEMENTS], list)
							    : list;
	}
	for (size_t key = 0; key < BAKE_KEYS; key++)
		if (target->values[key] && (bake_keys[key].shape == BAKE_LIST || bake_keys[key].shape == BAKE_ENTRIES))
			target->values[key] = without_repetitions(bake, target->values[key]);
}

static void make_target(struct bake *bake, struct bake_target *target, struct bake_block *blocks)
{
	struct bake_target own = { 0 };

	for (struct bake_block *block = blocks; block; block = block->next)
		for (size_t key = 0; key < BAKE_KEYS; key++)
			merge_key(bake, &own, (enum bake_key)key, bake_block_value(bake, block, (enum bake_key)key));
	inherit_from(bake, target, own.values[BAKE_INHERITS]);
	for (size_t key = 0; key < BAKE_KEYS; key++)
		merge_key(bake, target, (enum bake_key)key, own.values[key]);
	finish_target(bake, target);
}

const struct bake_target *bake_target_find(struct bake *bake, const char *name)
{
	struct bake_target *target = map_get(bake->targets, name);
	struct bake_block *blocks = map_get(bake->blocks, name);

	if (!blocks)
		return NULL;
	if (target)
		return target->state == BAKE_DONE ? target : NULL;
	target = arena_alloc(bake->arena, sizeof(*target));
	*target = (struct bake_target){ .name = blocks->name, .place = blocks->place, .state = BAKE_OPEN };
	map_set(bake->targets, target->name, target);
	if (bake->eval.depth == HCL_EVAL_DEPTH_MAX)
		return hcl_fail(&bake->eval, target->place, NULL, "targets inherit from one another more than %d deep",
				HCL_EVAL_DEPTH_MAX);
	bake->eval.depth++;
	make_target(bake, target, blocks);
	bake->eval.depth--;
	target->state = BAKE_DONE;
	return target;
}

/* What stands behind a comma says how buildx prints it. */
bool bake_only_asked(const struct bake *bake, const char *name, enum service_call *ret)
{
	static const struct {
		const char *name;
		enum service_call call;
	} calls[] = { { "check", CALL_CHECK },
		      { "lint", CALL_CHECK },
		      { "outline", CALL_OUTLINE },
		      { "targets", CALL_TARGETS } };
	const struct bake_target *target = bake ? map_get(bake->targets, name) : NULL;
	const struct hcl_value *call = target ? target->values[BAKE_CALL] : NULL;

	for (size_t i = 0; call && i < sizeof(calls) / sizeof(*calls); i++) {
		if (strlen(calls[i].name) != strcspn(call->text, ",") ||
		    strncmp(call->text, calls[i].name, strlen(calls[i].name)) != 0)
			continue;
		*ret = calls[i].call;
		return true;
	}
	return false;
}

/* "pattern.key.part+=value"; false when it is a variable's, or after a complaint. */
static bool parse_override(struct bake *bake, const char *set, struct bake_override *ret)
{
	const char *equals = strchr(set, '='), *end = equals ? equals : set + strlen(set), *dot, *part;
	size_t key;
	bool map;

	dot = memchr(set, '.', (size_t)(end - set));
	if (!dot)
		return false;
	ret->file = diags_source(bake->diags, "--set", set, strlen(set));
	ret->place = (struct hcl_place){ ret->file, 0 };
	ret->append = end > set && end[-1] == '+';
	end -= ret->append;
	part = memchr(dot + 1, '.', (size_t)(end - dot - 1));
	ret->pattern = arena_strndup(bake->arena, set, (size_t)(dot - set));
	ret->key = arena_strndup(bake->arena, dot + 1, (size_t)((part ? part : end) - dot - 1));
	ret->part = part ? arena_strndup(bake->arena, part + 1, (size_t)(end - part - 1)) : NULL;
	key = override_key(ret->key);
	map = key < BAKE_KEYS && bake_keys[key].shape == BAKE_MAP;
	if (key == BAKE_KEYS || key == BAKE_INHERITS)
		return hcl_fail(&bake->eval, ret->place, NULL, "--set knows no key \"%s\" of a target", ret->key);
	if (map != (part != NULL))
		return hcl_fail(&bake->eval, ret->place, NULL,
				map ? "--set needs the name of an entry: \"%s.NAME=value\"" : "\"%s\" has no entries",
				ret->key);
	ret->value = equals ? equals + 1 : key == BAKE_ARGS ? bake_outside(bake, ret->part) : NULL;
	if (!equals && key != BAKE_ARGS)
		return hcl_fail(&bake->eval, ret->place, NULL, "--set takes TARGET.KEY=VALUE, not \"%s\"", set);
	return ret->value != NULL;
}

void bake_read_overrides(struct bake *bake)
{
	const char *const *sets = bake->options->sets;
	size_t room = 0;

	while (sets && sets[room])
		room++;
	bake->overrides = arena_array(bake->arena, room, sizeof(*bake->overrides));
	for (size_t i = 0; i < room; i++) {
		struct bake_override override = { 0 };
		bool met = false;

		if (!parse_override(bake, sets[i], &override))
			continue;
		for (size_t j = 0; j < map_len(bake->blocks) && !met; j++)
			met = override_meets(bake, &override, map_key(bake->blocks, j));
		if (met)
			bake->overrides[bake->overrides_len++] = override;
		else
			bake_no_such(bake, bake->blocks, "target", override.pattern, override.place);
	}
}
