#include "config.h"

#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/diag.h"
#include "base/map.h"
#include "base/mem.h"
#include "base/table.h"
#include "base/text.h"
#include "dsl/bake_parts.h"
#include "dsl/hcl/coerce.h"
#include "dsl/hcl/expression.h"

#define BAKE_COMBOS_MAX 10000 /* targets that matrices make */

#define ROWS(X)                                                              \
	X(BAKE_ANNOTATIONS, { "annotations", BAKE_LIST, true })              \
	X(BAKE_ARGS, { "args", BAKE_MAP, true })                             \
	X(BAKE_ATTEST, { "attest", BAKE_ENTRIES, true })                     \
	X(BAKE_CACHE_FROM, { "cache-from", BAKE_ENTRIES, true })             \
	X(BAKE_CACHE_TO, { "cache-to", BAKE_ENTRIES, false })                \
	X(BAKE_CALL, { "call", BAKE_TEXT, false })                           \
	X(BAKE_CONTEXT, { "context", BAKE_TEXT, false })                     \
	X(BAKE_CONTEXTS, { "contexts", BAKE_MAP, true })                     \
	X(BAKE_DESCRIPTION, { "description", BAKE_TEXT, false })             \
	X(BAKE_DOCKERFILE, { "dockerfile", BAKE_TEXT, false })               \
	X(BAKE_DOCKERFILE_INLINE, { "dockerfile-inline", BAKE_TEXT, false }) \
	X(BAKE_ENTITLEMENTS, { "entitlements", BAKE_LIST, true })            \
	X(BAKE_EXTRA_HOSTS, { "extra-hosts", BAKE_MAP, true })               \
	X(BAKE_INHERITS, { "inherits", BAKE_LIST, true })                    \
	X(BAKE_LABELS, { "labels", BAKE_MAP, true })                         \
	X(BAKE_NETWORK, { "network", BAKE_TEXT, false })                     \
	X(BAKE_NO_CACHE, { "no-cache", BAKE_BOOL, false })                   \
	X(BAKE_NO_CACHE_FILTER, { "no-cache-filter", BAKE_LIST, true })      \
	X(BAKE_OUTPUT, { "output", BAKE_ENTRIES, false })                    \
	X(BAKE_PLATFORMS, { "platforms", BAKE_LIST, false })                 \
	X(BAKE_PULL, { "pull", BAKE_BOOL, false })                           \
	X(BAKE_SECRET, { "secret", BAKE_ENTRIES, true })                     \
	X(BAKE_SHM_SIZE, { "shm-size", BAKE_TEXT, false })                   \
	X(BAKE_SSH, { "ssh", BAKE_ENTRIES, true })                           \
	X(BAKE_TAGS, { "tags", BAKE_LIST, false })                           \
	X(BAKE_TARGET, { "target", BAKE_TEXT, false })                       \
	X(BAKE_ULIMITS, { "ulimits", BAKE_LIST, true })

const struct bake_key_row bake_keys[BAKE_KEYS] = { ROWS(TABLE_ROW) };
TABLE_ROWS_COMPLETE(ROWS, BAKE_KEYS);

void *bake_no_such(struct bake *bake, const struct map *map, const char *what, const char *name, struct hcl_place place)
{
	const char **names = arena_array(bake->arena, map_len(map), sizeof(*names)), *nearest;

	for (size_t i = 0; i < map_len(map); i++)
		names[i] = map_key(map, i);
	nearest = text_nearest(name, names, map_len(map));
	return hcl_fail(&bake->eval, place, nearest ? arena_printf(bake->arena, "did you mean \"%s\"?", nearest) : NULL,
			"there is no %s \"%s\"", what, name);
}

void bake_take_group(struct bake *bake, const struct hcl_block *block)
{
	struct bake_block *group = arena_alloc(bake->arena, sizeof(*group));

	*group = (struct bake_block){ .name = block->labels[0], .place = block->label_places[0], .block = block };
	map_set(bake->groups, group->name, group);
	for (size_t i = 0; i < block->body->attrs_len; i++) {
		const char *name = block->body->attrs[i].name;

		if (strcmp(name, "targets") != 0 && strcmp(name, "description") != 0)
			hcl_fail(&bake->eval, block->body->attrs[i].place,
				 "a group has \"targets\" and \"description\"", "a group has no \"%s\"", name);
	}
}

/* False after a complaint. */
static bool name_good(struct bake *bake, const char *name, struct hcl_place place)
{
	size_t len = 0;

	while (hcl_word_rune((unsigned char)name[len]) || name[len] == '-')
		len++;
	if (len && !name[len])
		return true;
	return hcl_fail(&bake->eval, place, "names of targets consist of letters, digits, \"_\" and \"-\"",
			"\"%s\" cannot be the name of a target", name);
}

static void add_target_block(struct bake *bake, const struct hcl_block *block, const char *name,
			     const struct hcl_local *locals)
{
	struct bake_block *made = arena_alloc(bake->arena, sizeof(*made)), *there = map_get(bake->blocks, name);

	*made = (struct bake_block){ .name = name, .place = block->label_places[0], .block = block, .locals = locals };
	if (!there)
		map_set(bake->blocks, name, made);
	for (; there; there = there->next) {
		if (!there->next) {
			there->next = made;
			break;
		}
	}
}

static void check_keys(struct bake *bake, const struct hcl_body *body)
{
	const char *names[BAKE_KEYS + 2] = { "matrix", "name" }, *nearest;

	for (size_t i = 0; i < BAKE_KEYS; i++)
		names[i + 2] = bake_keys[i].name;
	for (size_t i = 0; i < body->attrs_len; i++) {
		const struct hcl_attr *attr = &body->attrs[i];
		size_t j = 0;

		while (j < BAKE_KEYS + 2 && strcmp(names[j], attr->name) != 0)
			j++;
		if (j < BAKE_KEYS + 2)
			continue;
		nearest = text_nearest(attr->name, names, BAKE_KEYS + 2);
		hcl_fail(&bake->eval, attr->place,
			 nearest ? arena_printf(bake->arena, "did you mean \"%s\"?", nearest) : NULL,
			 "a target has no \"%s\"", attr->name);
	}
	if (body->blocks_len)
		hcl_fail(&bake->eval, body->blocks[0].place, "write it with \"=\"", "a target has no block \"%s\"",
			 body->blocks[0].type);
}

/* The combination `number` of a matrix; its names in the order of the keys. */
static const struct hcl_local *combination(struct bake *bake, const struct hcl_value *matrix, size_t number)
{
	const struct hcl_local *locals = NULL;

	for (size_t i = 0; i < matrix->len; i++) {
		struct hcl_local *local = arena_alloc(bake->arena, sizeof(*local));
		const struct hcl_value *values = matrix->items[i];

		*local = (struct hcl_local){ locals, matrix->keys[i], values->items[number % values->len] };
		number /= values->len;
		locals = local;
	}
	return locals;
}

/* How many combinations a matrix has; 0 after a complaint, or when one of its lists is empty. */
static size_t count_combinations(struct bake *bake, const struct hcl_value *matrix, struct hcl_place place)
{
	size_t count = 1;

	if (!hcl_is_mapping(matrix))
		return (size_t)(uintptr_t)hcl_fail(&bake->eval, place, NULL, "a matrix must be a map, but this is %s",
						   hcl_kind_name(matrix));
	for (size_t i = 0; i < matrix->len; i++) {
		if (!hcl_is_sequence(matrix->items[i]) && !hcl_is_mapping(matrix->items[i]))
			return (size_t)(uintptr_t)hcl_fail(&bake->eval, place, NULL,
							   "\"%s\" of a matrix must be a list, but this is %s",
							   matrix->keys[i], hcl_kind_name(matrix->items[i]));
		count *= matrix->items[i]->len;
		if (count > BAKE_COMBOS_MAX)
			return (size_t)(uintptr_t)hcl_fail(&bake->eval, place, NULL,
							   "a matrix makes more than %d targets", BAKE_COMBOS_MAX);
	}
	return count;
}

/* The name of a combination; NULL after a complaint. */
static const char *made_block_name(struct bake *bake, const struct hcl_block *block, const struct hcl_local *locals)
{
	const struct hcl_attr *attr = hcl_attribute(block->body, "name");
	const struct hcl_value *value = attr ? hcl_evaluate(&bake->eval, attr->expr, locals) : NULL;
	const char *name;

	if (!attr)
		return block->labels[0];
	name = value ? hcl_to_text(&bake->eval, value, attr->expr->place) : NULL;
	return name && name_good(bake, name, attr->expr->place) ? name : NULL;
}

static void add_matrix(struct bake *bake, const struct hcl_block *block, const struct hcl_attr *attr)
{
	const struct hcl_value *matrix = hcl_evaluate(&bake->eval, attr->expr, NULL), **names;
	size_t count = matrix ? count_combinations(bake, matrix, attr->expr->place) : 0, len = 0;
	struct map *seen cleanup_map = map_new();

	names = arena_array(bake->arena, count, sizeof(*names));
	for (size_t i = 0; i < count; i++) {
		const struct hcl_local *locals = combination(bake, matrix, i);
		const char *name = made_block_name(bake, block, locals);

		if (!name)
			return;
		if (map_set(seen, name, (void *)name)) {
			hcl_fail(&bake->eval, block->place,
				 "write name = \"...${VARIABLE}...\" with every variable of the matrix",
				 "the matrix makes several targets called \"%s\"", name);
			return;
		}
		add_target_block(bake, block, name, locals);
		names[len++] = hcl_placed(&bake->heap, hcl_string(&bake->heap, name), block->label_places[0]);
	}
	if (len != 1 || strcmp(names[0]->text, block->labels[0]) != 0)
		map_set(bake->matrices, block->labels[0], (void *)hcl_sequence(&bake->heap, HCL_LIST, names, len));
}

void bake_name_targets(struct bake *bake)
{
	for (size_t i = 0; i < bake->pending_len; i++) {
		const struct hcl_block *block = bake->pending[i];
		const struct hcl_attr *matrix = hcl_attribute(block->body, "matrix"),
				      *name = hcl_attribute(block->body, "name");

		check_keys(bake, block->body);
		if (!name_good(bake, block->labels[0], block->label_places[0]))
			continue;
		if (matrix)
			add_matrix(bake, block, matrix);
		else if (name)
			hcl_fail(&bake->eval, name->place, NULL, "\"name\" is for targets with a \"matrix\"");
		else
			add_target_block(bake, block, block->labels[0], NULL);
	}
}

/* Whether a value of an entry has commas or quotes, so that CSV needs quotes. */
static void put_field(struct buf *out, const char *key, const char *value)
{
	bool quotes = strpbrk(value, ",\"\n") != NULL;

	buf_printf(out, "%s%s%s=", out->len ? "," : "", quotes ? "\"" : "", key);
	for (; *value; value++) {
		buf_str(out, quotes && *value == '"' ? "\"" : "");
		buf_char(out, *value);
	}
	buf_str(out, quotes ? "\"" : "");
}

/* ssh: {id = ..., paths = [...]}. */
static void put_paths(struct bake *bake, struct buf *out, const struct hcl_value *id, const struct hcl_value *paths)
{
	const char *name = id ? hcl_single_text(&bake->heap, id) : NULL;

	buf_str(out, name ? name : "default");
	for (size_t i = 0; hcl_is_sequence(paths) && i < paths->len; i++) {
		const char *path = hcl_single_text(&bake->heap, paths->items[i]);

		buf_printf(out, "%s%s", i ? "," : "=", path ? path : "");
	}
}

const struct hcl_value *bake_entry(struct bake *bake, enum bake_key key, const struct hcl_value *entry)
{
	struct buf out cleanup_buf = { 0 };
	const struct hcl_value *type, *paths;
	const char *text;

	if (!hcl_is_mapping(entry))
		return entry;
	type = hcl_get(entry, "type");
	paths = hcl_get(entry, "paths");
	if (type && hcl_is_single(type))
		put_field(&out, "type", hcl_single_text(&bake->heap, type));
	if (key == BAKE_SSH) {
		put_paths(bake, &out, hcl_get(entry, "id"), paths ? paths : hcl_null());
		return hcl_placed(&bake->heap, hcl_string_take(&bake->heap, &out), entry->place);
	}
	for (size_t i = 0; i < entry->len; i++) {
		text = hcl_single_text(&bake->heap, entry->items[i]);
		if (!text && entry->items[i]->kind != HCL_NULL)
			return hcl_fail(&bake->eval, entry->items[i]->place, NULL,
					"a string is needed here, but this is %s", hcl_kind_name(entry->items[i]));
		if (text && *text && strcmp(entry->keys[i], "type") != 0)
			put_field(&out, entry->keys[i], text);
	}
	return hcl_placed(&bake->heap, hcl_string(&bake->heap, out.data ? out.data : ""), entry->place);
}

/* The value as its key takes it; NULL after a complaint. */
static const struct hcl_value *shaped(struct bake *bake, enum bake_key key, const struct hcl_value *value,
				      struct hcl_place place)
{
	static const struct hcl_type text = { .kind = HCL_TYPE_STRING };
	static const struct hcl_type types[] = { { .kind = HCL_TYPE_STRING },
						 { .kind = HCL_TYPE_BOOL },
						 { .kind = HCL_TYPE_LIST, .item = &text },
						 { .kind = HCL_TYPE_MAP, .item = &text } };
	enum bake_shape shape = bake_keys[key].shape;
	const struct hcl_value **items;

	if (shape == BAKE_ENTRIES && hcl_is_sequence(value)) {
		items = arena_array(bake->arena, value->len, sizeof(*items));
		for (size_t i = 0; i < value->len; i++) {
			items[i] = bake_entry(bake, key, value->items[i]);
			if (!items[i])
				return NULL;
		}
		value = hcl_placed(&bake->heap, hcl_sequence(&bake->heap, HCL_TUPLE, items, value->len), value->place);
	}
	value = hcl_coerce(&bake->eval, &types[shape == BAKE_ENTRIES ? BAKE_LIST : shape], value, place);
	for (size_t i = 0; value && (shape == BAKE_LIST || shape == BAKE_ENTRIES) && i < value->len; i++)
		if (value->items[i]->kind == HCL_NULL)
			return hcl_fail(&bake->eval, place, NULL, "an item of this list is null");
	return value;
}

const struct hcl_value *bake_block_value(struct bake *bake, struct bake_block *block, enum bake_key key)
{
	const struct hcl_attr *attr;
	const struct hcl_value *value;

	if (block->states[key] == BAKE_DONE || block->states[key] == BAKE_OPEN)
		return block->values[key];
	block->states[key] = BAKE_OPEN;
	attr = hcl_attribute(block->block->body, bake_keys[key].name);
	value = attr ? hcl_evaluate(&bake->eval, attr->expr, block->locals) : NULL;
	if (value && value->kind != HCL_NULL)
		block->values[key] = shaped(bake, key, value, attr->expr->place);
	block->states[key] = BAKE_DONE;
	return block->values[key];
}
