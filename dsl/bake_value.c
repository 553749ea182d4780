#include "config.h"

#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/mem.h"
#include "dsl/bake_parts.h"
#include "dsl/bake_value.h"
#include "dsl/hcl/coerce.h"
#include "dsl/hcl/cursor.h"
#include "dsl/hcl/expression.h"

static const struct hcl_value *not_of_type(struct hcl_eval *e, const struct bake_variable *variable,
					   const char *outside, const char *type)
{
	return hcl_fail(e, variable->place, NULL, "the value that \"%s\" is given, \"%.60s\", is not a %s",
			variable->name, outside, type);
}

/* As Go's strconv.ParseBool. */
static const struct hcl_value *given_bool(struct hcl_eval *e, const struct bake_variable *variable, const char *outside)
{
	static const char *const yes[] = { "1", "t", "T", "TRUE", "true", "True" };
	static const char *const no[] = { "0", "f", "F", "FALSE", "false", "False" };

	for (size_t i = 0; i < sizeof(yes) / sizeof(yes[0]); i++)
		if (!strcmp(outside, yes[i]) || !strcmp(outside, no[i]))
			return hcl_bool(!strcmp(outside, yes[i]));
	return not_of_type(e, variable, outside, "bool");
}

static const struct hcl_value *given_single(struct hcl_eval *e, const struct bake_variable *variable,
					    enum hcl_type_kind kind, const char *outside)
{
	long double number;

	if (kind == HCL_TYPE_BOOL)
		return given_bool(e, variable, outside);
	if (kind != HCL_TYPE_NUMBER)
		return hcl_string(e->heap, outside);
	return hcl_number_parse(outside, &number) ? hcl_number(e->heap, number)
						  : not_of_type(e, variable, outside, "number");
}

/* The fields of a line of CSV; NULL when its quotes are wrong. */
static const char **split_fields(struct hcl_eval *e, const char *line, size_t *ret_len)
{
	const char **fields = arena_array(e->heap->arena, strlen(line) + 1, sizeof(*fields));
	struct buf field cleanup_buf = { 0 };

	*ret_len = 0;
	for (;; line++) {
		buf_reset(&field);
		buf_str(&field, "");
		if (*line == '"') {
			for (line++; *line && !(*line == '"' && line[1] != '"'); line++) {
				line += *line == '"';
				buf_char(&field, *line);
			}
			if (*line++ != '"' || (*line && *line != ','))
				return NULL;
		} else {
			buf_add(&field, line, strcspn(line, ","));
			line += strcspn(line, ",");
		}
		fields[(*ret_len)++] = arena_strdup(e->heap->arena, field.data);
		if (!*line)
			return fields;
	}
}

static const struct hcl_value *given_list(struct hcl_eval *e, const struct bake_variable *variable,
					  const struct hcl_type *type, const char *outside)
{
	size_t len = 0;
	const char **fields = *outside ? split_fields(e, outside, &len) : NULL; /* as for bake, "" is no CSV */
	const struct hcl_value **items;
	const char **keys;
	bool map = type->kind == HCL_TYPE_MAP;

	if (!fields || (type->kind == HCL_TYPE_TUPLE && type->len != len))
		return not_of_type(e, variable, outside, hcl_type_name(e->heap, type));
	items = arena_array(e->heap->arena, len, sizeof(*items));
	keys = arena_array(e->heap->arena, len, sizeof(*keys));
	for (size_t i = 0; i < len; i++) {
		const struct hcl_type *item = type->item ? type->item : type->items[i];
		const char *colon = map ? strchr(fields[i], ':') : NULL;

		if (item->kind > HCL_TYPE_STRING || item->kind == HCL_TYPE_ANY || (map && !colon))
			return not_of_type(e, variable, outside, hcl_type_name(e->heap, type));
		keys[i] = colon ? arena_strndup(e->heap->arena, fields[i], (size_t)(colon - fields[i])) : NULL;
		items[i] = given_single(e, variable, item->kind, colon ? colon + 1 : fields[i]);
		if (!items[i])
			return NULL;
	}
	if (map)
		return hcl_mapping(e->heap, HCL_MAP, keys, items, len);
	return hcl_sequence(e->heap,
			    type->kind == HCL_TYPE_SET    ? HCL_SET
			    : type->kind == HCL_TYPE_LIST ? HCL_LIST
							  : HCL_TUPLE,
			    items, len);
}

static const struct hcl_value *given_json(struct hcl_eval *e, const struct bake_variable *variable,
					  const struct hcl_type *type, const char *outside)
{
	struct hcl_cursor cursor = { .heap = e->heap, .text = outside, .inside = 1, .plain = true, .fixed = true };
	const struct hcl_expr *expr;

	cursor.place = variable->place;
	expr = hcl_parse_json_value(&cursor);
	free(cursor.open);
	if (!expr || hcl_peek(&cursor))
		return not_of_type(e, variable, outside, "JSON text");
	return hcl_coerce(e, type, hcl_json_literal(e->heap, expr), variable->place);
}

const struct hcl_value *bake_value_from(struct hcl_eval *e, const struct bake_variable *variable,
					const struct hcl_type *type, const struct hcl_value *value, const char *outside,
					bool json)
{
	enum hcl_type_kind kind = HCL_TYPE_STRING;

	if (type && json)
		return given_json(e, variable, type, outside);
	if (type && (type->kind == HCL_TYPE_ANY || type->kind == HCL_TYPE_OBJECT))
		return hcl_fail(e, variable->place, "give it as JSON, as NAME_JSON",
				"\"%s\" takes no plain text from outside", variable->name);
	if (type && type->kind > HCL_TYPE_STRING)
		return given_list(e, variable, type, outside);
	if (type)
		return given_single(e, variable, type->kind, outside);
	if (value && value->kind != HCL_NULL && !hcl_is_single(value))
		return hcl_fail(e, variable->place, "give it a \"type\"",
				"\"%s\" is %s, and takes no text from outside", variable->name, hcl_kind_name(value));
	if (value && value->kind == HCL_BOOL)
		kind = HCL_TYPE_BOOL;
	else if (value && value->kind == HCL_NUMBER)
		kind = HCL_TYPE_NUMBER;
	return given_single(e, variable, kind, outside);
}
