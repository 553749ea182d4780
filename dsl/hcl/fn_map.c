#include "config.h"

#include <string.h>

#include "base/mem.h"
#include "dsl/hcl/coerce.h"
#include "dsl/hcl/evaluate.h"
#include "dsl/hcl/functions.h"

/* Functions of maps, and of what may be a map or a list. */

static const struct hcl_value *fn_keys(struct hcl_call *c)
{
	const struct hcl_value *map = c->args[0], **items = arena_array(c->e->heap->arena, map->len, sizeof(*items));

	for (size_t i = 0; i < map->len; i++)
		items[i] = hcl_string(c->e->heap, map->keys[i]);
	return hcl_sequence(c->e->heap, map->kind == HCL_MAP ? HCL_LIST : HCL_TUPLE, items, map->len);
}

static const struct hcl_value *fn_values(struct hcl_call *c)
{
	return hcl_sequence(c->e->heap, c->args[0]->kind == HCL_MAP ? HCL_LIST : HCL_TUPLE, c->args[0]->items,
			    c->args[0]->len);
}

static const struct hcl_value *fn_lookup(struct hcl_call *c)
{
	const struct hcl_value *item = hcl_get(c->args[0], c->args[1]->text);

	return item ? item : c->args[2];
}

static const struct hcl_value *fn_merge(struct hcl_call *c)
{
	const struct hcl_value **items;
	const char **keys;
	bool maps = c->len > 0;
	size_t len = 0;

	for (size_t i = 0; i < c->len; i++) {
		if (c->args[i]->kind == HCL_NULL)
			continue;
		if (!hcl_is_mapping(c->args[i]))
			return hcl_refuse(c, i, "a map is needed, but this is %s", hcl_kind_name(c->args[i]));
		maps = maps && c->args[i]->kind == HCL_MAP;
		len += c->args[i]->len;
	}
	items = arena_array(c->e->heap->arena, len, sizeof(*items));
	keys = arena_array(c->e->heap->arena, len, sizeof(*keys));
	len = 0;
	for (size_t i = 0; i < c->len; i++) {
		for (size_t j = 0; c->args[i]->kind != HCL_NULL && j < c->args[i]->len; j++) {
			keys[len] = c->args[i]->keys[j];
			items[len++] = c->args[i]->items[j];
		}
	}
	return hcl_mapping(c->e->heap, maps ? HCL_MAP : HCL_OBJECT, keys, items, len);
}

static const struct hcl_value *fn_zipmap(struct hcl_call *c)
{
	const struct hcl_value *names = c->args[0];
	const char **keys = arena_array(c->e->heap->arena, names->len, sizeof(*keys));

	if (names->len != c->args[1]->len)
		return hcl_refuse(c, 1, "there are %zu keys and %zu values", names->len, c->args[1]->len);
	for (size_t i = 0; i < names->len; i++) {
		keys[i] = hcl_single_text(c->e->heap, names->items[i]);
		if (!keys[i])
			return hcl_refuse(c, 0, "%s is not a key", hcl_kind_name(names->items[i]));
	}
	return hcl_mapping(c->e->heap, c->args[1]->kind == HCL_TUPLE ? HCL_OBJECT : HCL_MAP, keys, c->args[1]->items,
			   names->len);
}

/* The item of a list or map that a key means, or NULL. */
static const struct hcl_value *item_of(struct hcl_call *c, const struct hcl_value *from, const struct hcl_value *key)
{
	const char *text = hcl_single_text(c->e->heap, key);
	long double number;

	if (from->kind == HCL_MAP)
		return text ? hcl_get(from, text) : NULL;
	if (!text || !hcl_number_parse(text, &number) || number < 0 || number >= (long double)from->len ||
	    (long double)(size_t)number != number)
		return NULL;
	return from->items[(size_t)number];
}

static const struct hcl_value *fn_hasindex(struct hcl_call *c)
{
	if (c->args[0]->kind == HCL_OBJECT)
		return hcl_refuse(c, 0, "a list or a map is needed, and this is an object");
	return hcl_bool(item_of(c, c->args[0], c->args[1]) != NULL);
}

static const struct hcl_value *fn_index(struct hcl_call *c)
{
	const struct hcl_value *item = c->args[0]->kind == HCL_OBJECT ? NULL : item_of(c, c->args[0], c->args[1]);

	return item ? item : hcl_refuse(c, 1, "there is no item of that key");
}

const struct hcl_function_row hcl_map_functions[] = {
	{ "hasindex", fn_hasindex, "cv" }, { "index", fn_index, "cv" },
	{ "keys", fn_keys, "m" },          { "lookup", fn_lookup, "ms?" },
	{ "merge", fn_merge, "?." },       { "values", fn_values, "m" },
	{ "zipmap", fn_zipmap, "ll" },     { 0 },
};
