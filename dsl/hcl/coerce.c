#include "config.h"

#include <string.h>

#include "base/buf.h"
#include "base/mem.h"
#include "base/text.h"
#include "dsl/hcl/coerce.h"
#include "dsl/hcl/evaluate.h"
#include "dsl/hcl/expression.h"

static struct hcl_place place_of(const struct hcl_value *value, struct hcl_place place)
{
	return value->place.file ? value->place : place;
}

static const struct hcl_type *simple_type(const char *name)
{
	static const struct hcl_type types[] = { { .kind = HCL_TYPE_ANY },
						 { .kind = HCL_TYPE_BOOL },
						 { .kind = HCL_TYPE_NUMBER },
						 { .kind = HCL_TYPE_STRING } };
	static const char *const names[] = { "any", "bool", "number", "string" };

	for (size_t i = 0; i < sizeof(types) / sizeof(types[0]); i++)
		if (!strcmp(names[i], name))
			return &types[i];
	return NULL;
}

/* A member of an object's type: T, or optional(T). */
static const struct hcl_type *member_type(struct hcl_eval *e, const struct hcl_expr *expr, bool *ret_optional)
{
	*ret_optional = expr->kind == HCL_EXPR_CALL && !strcmp(expr->name, "optional");
	if (*ret_optional && expr->len != 1)
		return hcl_fail(e, expr->place, NULL, "write optional(TYPE)");
	return hcl_type_of(e, *ret_optional ? expr->items[0] : expr);
}

static const struct hcl_type *object_type(struct hcl_eval *e, const struct hcl_expr *object, struct hcl_type *type)
{
	struct arena *arena = e->heap->arena;
	const struct hcl_type **items = arena_array(arena, object->len, sizeof(*items));
	const char **keys = arena_array(arena, object->len, sizeof(*keys));
	bool *optional = arena_array(arena, object->len, sizeof(*optional));

	for (size_t i = 0; i < object->len; i += 2) {
		const struct hcl_expr *key = object->items[i];

		if (key->kind != HCL_EXPR_LITERAL || key->value->kind != HCL_STRING)
			return hcl_fail(e, key->place, NULL, "a name is needed here");
		keys[type->len] = key->value->text;
		items[type->len] = member_type(e, object->items[i + 1], &optional[type->len]);
		if (!items[type->len++])
			return NULL;
	}
	type->items = items;
	type->keys = keys;
	type->optional = optional;
	return type;
}

static const struct hcl_type *tuple_type(struct hcl_eval *e, const struct hcl_expr *tuple, struct hcl_type *type)
{
	const struct hcl_type **items = arena_array(e->heap->arena, tuple->len, sizeof(*items));

	for (; type->len < tuple->len; type->len++) {
		items[type->len] = hcl_type_of(e, tuple->items[type->len]);
		if (!items[type->len])
			return NULL;
	}
	type->items = items;
	return type;
}

const struct hcl_type *hcl_type_of(struct hcl_eval *e, const struct hcl_expr *expr)
{
	static const char *const names[] = { "list", "set", "map", "tuple", "object", "any", "bool", "number", "string" };
	static const enum hcl_type_kind kinds[] = { HCL_TYPE_LIST, HCL_TYPE_SET, HCL_TYPE_MAP, HCL_TYPE_TUPLE,
						    HCL_TYPE_OBJECT };
	const char *name = expr->kind == HCL_EXPR_CALL ? expr->name : hcl_expr_keyword(expr), *nearest;
	struct hcl_type *type = arena_alloc(e->heap->arena, sizeof(*type));
	size_t i = 0;

	if (expr->kind == HCL_EXPR_LITERAL && expr->value->kind == HCL_STRING)
		name = expr->value->text; /* of a JSON file */
	if (name && expr->kind != HCL_EXPR_CALL && simple_type(name))
		return simple_type(name);
	if (!name || expr->kind != HCL_EXPR_CALL) {
		nearest = name ? text_nearest(name, names, sizeof(names) / sizeof(names[0])) : NULL;
		return hcl_fail(
			e, expr->place,
			nearest && strcmp(nearest, name) != 0
				? arena_printf(e->heap->arena, "did you mean \"%s\"?", nearest)
				: "types are string, number, bool, any, list(T), set(T), map(T), tuple([T, ...]) and object({name = T, ...})",
			"this is not a type");
	}
	while (i < sizeof(kinds) / sizeof(kinds[0]) && strcmp(names[i], name) != 0)
		i++;
	if (i == sizeof(kinds) / sizeof(kinds[0]) || expr->len != 1)
		return hcl_fail(e, expr->place, NULL, "\"%s\" is not a type with %zu parts", name, expr->len);
	type->kind = kinds[i];
	if (type->kind == HCL_TYPE_TUPLE && expr->items[0]->kind == HCL_EXPR_TUPLE)
		return tuple_type(e, expr->items[0], type);
	if (type->kind == HCL_TYPE_OBJECT && expr->items[0]->kind == HCL_EXPR_OBJECT)
		return object_type(e, expr->items[0], type);
	if (type->kind == HCL_TYPE_TUPLE || type->kind == HCL_TYPE_OBJECT)
		return hcl_fail(e, expr->items[0]->place, NULL, "%s needs %s", name,
				type->kind == HCL_TYPE_TUPLE ? "a list of types" : "an object of types");
	type->item = hcl_type_of(e, expr->items[0]);
	return type->item ? type : NULL;
}

static void put_type(struct buf *out, const struct hcl_type *type)
{
	static const char *const names[] = { "any", "bool", "number", "string", "list", "set", "map", "tuple", "object" };

	buf_str(out, names[type->kind]);
	if (type->item) {
		buf_char(out, '(');
		put_type(out, type->item);
		buf_char(out, ')');
	}
}

const char *hcl_type_name(struct hcl_heap *heap, const struct hcl_type *type)
{
	struct buf text cleanup_buf = { 0 };

	put_type(&text, type);
	return arena_strdup(heap->arena, text.data);
}

static const struct hcl_value *coerce_items(struct hcl_eval *e, const struct hcl_type *type,
					    const struct hcl_value *value, struct hcl_place place)
{
	const struct hcl_value **items = arena_array(e->heap->arena, value->len, sizeof(*items));

	for (size_t i = 0; i < value->len; i++) {
		items[i] = hcl_coerce(e, type->item ? type->item : type->items[i], value->items[i], place);
		if (!items[i])
			return NULL;
	}
	if (type->kind == HCL_TYPE_MAP)
		return hcl_mapping(e->heap, HCL_MAP, value->keys, items, value->len);
	return hcl_sequence(e->heap,
			    type->kind == HCL_TYPE_LIST  ? HCL_LIST
			    : type->kind == HCL_TYPE_SET ? HCL_SET
							 : HCL_TUPLE,
			    items, value->len);
}

static const struct hcl_value *coerce_object(struct hcl_eval *e, const struct hcl_type *type,
					     const struct hcl_value *value, struct hcl_place place)
{
	const struct hcl_value **items = arena_array(e->heap->arena, type->len, sizeof(*items));

	for (size_t i = 0; i < type->len; i++) {
		const struct hcl_value *item = hcl_get(value, type->keys[i]);

		if (!item && !type->optional[i])
			return hcl_fail(e, place_of(value, place), NULL, "the attribute \"%s\" is missing",
					type->keys[i]);
		items[i] = hcl_coerce(e, type->items[i], item ? item : hcl_null(), place);
		if (!items[i])
			return NULL;
	}
	return hcl_mapping(e->heap, HCL_OBJECT, type->keys, items, type->len);
}

static const struct hcl_value *coerce_single(struct hcl_eval *e, const struct hcl_type *type,
					     const struct hcl_value *value, struct hcl_place place)
{
	long double number;
	const char *text;
	bool truth;

	if (type->kind == HCL_TYPE_BOOL)
		return hcl_to_bool(e, value, place, &truth) ? hcl_bool(truth) : NULL;
	if (type->kind == HCL_TYPE_NUMBER)
		return hcl_to_number(e, value, place, &number) ? hcl_number(e->heap, number) : NULL;
	if (value->kind == HCL_STRING)
		return value;
	text = hcl_to_text(e, value, place);
	return text ? hcl_string(e->heap, text) : NULL;
}

const struct hcl_value *hcl_coerce(struct hcl_eval *e, const struct hcl_type *type, const struct hcl_value *value,
				   struct hcl_place place)
{
	const struct hcl_value *made = NULL;

	place = place_of(value, place);
	if (value->kind == HCL_NULL || type->kind == HCL_TYPE_ANY)
		return value;
	switch (type->kind) {
	case HCL_TYPE_ANY:
	case HCL_TYPE_BOOL:
	case HCL_TYPE_NUMBER:
	case HCL_TYPE_STRING:
		made = coerce_single(e, type, value, place);
		break;
	case HCL_TYPE_LIST:
	case HCL_TYPE_SET:
	case HCL_TYPE_TUPLE:
		if (!hcl_is_sequence(value))
			return hcl_fail(e, place, NULL, "a list is needed here, but this is %s", hcl_kind_name(value));
		if (type->kind == HCL_TYPE_TUPLE && type->len != value->len)
			return hcl_fail(e, place, NULL, "%zu items are needed here, but there are %zu", type->len,
					value->len);
		made = coerce_items(e, type, value, place);
		break;
	case HCL_TYPE_MAP:
	case HCL_TYPE_OBJECT:
		if (!hcl_is_mapping(value))
			return hcl_fail(e, place, NULL, "a map is needed here, but this is %s", hcl_kind_name(value));
		made = type->kind == HCL_TYPE_MAP ? coerce_items(e, type, value, place)
						  : coerce_object(e, type, value, place);
		break;
	}
	return made ? hcl_placed(e->heap, made, value->place) : NULL;
}
