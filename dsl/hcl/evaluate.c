#include "config.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/mem.h"
#include "base/table.h"
#include "base/text.h"
#include "dsl/hcl/coerce.h"
#include "dsl/hcl/evaluate.h"
#include "dsl/hcl/expression.h"
#include "dsl/hcl/functions.h"
#include "dsl/hcl/operator.h"

typedef const struct hcl_value *evaluator(struct hcl_eval *e, const struct hcl_expr *expr,
					  const struct hcl_local *locals);

/* Values that are gathered before they become a list or a map. */
struct gathered {
	const struct hcl_value **items;
	const char **keys;
	size_t len, items_cap, keys_cap;
};

static void gather_value(struct gathered *all, const char *key, const struct hcl_value *item)
{
	mem_reserve(&all->items, &all->items_cap, all->len + 1, sizeof(struct hcl_value *));
	if (key) {
		mem_reserve(&all->keys, &all->keys_cap, all->len + 1, sizeof(char *));
		all->keys[all->len] = key;
	}
	all->items[all->len++] = item;
}

static void gathered_free(struct gathered *all)
{
	free(all->items);
	free(all->keys);
}

#define cleanup_gathered __attribute__((cleanup(gathered_free)))

static const struct hcl_value *eval_literal(struct hcl_eval *e, const struct hcl_expr *expr,
					    const struct hcl_local *locals)
{
	(void)e;
	(void)locals;
	return expr->value;
}

static const struct hcl_value *unknown_name(struct hcl_eval *e, const struct hcl_expr *expr, const char *what,
					    bool function)
{
	const char *nearest = e->quiet ? NULL : e->names->nearest(e, expr->name, function);

	return hcl_fail(e, expr->place, nearest ? arena_printf(e->heap->arena, "did you mean \"%s\"?", nearest) : NULL,
			"there is no %s \"%s\"", what, expr->name);
}

static const struct hcl_value *eval_name(struct hcl_eval *e, const struct hcl_expr *expr, const struct hcl_local *locals)
{
	const struct hcl_value *value;
	bool unknown = false;

	for (; locals; locals = locals->outer)
		if (!strcmp(locals->name, expr->name))
			return locals->value;
	value = e->names->variable(e, expr->name, expr->place, &unknown);
	return unknown ? unknown_name(e, expr, "variable", false) : value;
}

static bool is_local(const struct hcl_local *locals, const char *name)
{
	while (locals && strcmp(locals->name, name) != 0)
		locals = locals->outer;
	return locals != NULL;
}

/* "root.name.attr", or root["name"].attr: of a block of the file. */
static const struct hcl_value *eval_block_member(struct hcl_eval *e, const struct hcl_expr *expr,
						 const struct hcl_local *locals, bool *ret_unknown)
{
	const struct hcl_expr *block = expr->a, *root = block->a;
	const struct hcl_value *key;
	const char *name = block->name;

	*ret_unknown = true;
	if ((block->kind != HCL_EXPR_ATTR && block->kind != HCL_EXPR_INDEX) || root->kind != HCL_EXPR_NAME ||
	    is_local(locals, root->name))
		return NULL;
	if (block->kind == HCL_EXPR_INDEX) {
		key = hcl_evaluate(e, block->b, locals);
		if (!key || key->kind != HCL_STRING)
			return NULL;
		name = key->text;
	}
	return e->names->member(e, root->name, name, expr->name, expr->place, ret_unknown);
}

static const struct hcl_value *mapping_member(struct hcl_eval *e, const struct hcl_value *from, const char *name,
					      struct hcl_place place)
{
	const struct hcl_value *item = hcl_is_mapping(from) ? hcl_get(from, name) : NULL;
	const char *nearest;

	if (item)
		return item;
	if (!hcl_is_mapping(from))
		return hcl_fail(e, place, NULL, "%s has no attribute \"%s\"", hcl_kind_name(from), name);
	nearest = text_nearest(name, from->keys, from->len);
	return hcl_fail(e, place, nearest ? arena_printf(e->heap->arena, "did you mean \"%s\"?", nearest) : NULL,
			"the value has no attribute \"%s\"", name);
}

static const struct hcl_value *eval_attr(struct hcl_eval *e, const struct hcl_expr *expr, const struct hcl_local *locals)
{
	const struct hcl_value *from;
	bool unknown = true;

	from = eval_block_member(e, expr, locals, &unknown);
	if (!unknown)
		return from;
	from = hcl_evaluate(e, expr->a, locals);
	return from ? mapping_member(e, from, expr->name, expr->place) : NULL;
}

static const struct hcl_value *eval_index(struct hcl_eval *e, const struct hcl_expr *expr, const struct hcl_local *locals)
{
	const struct hcl_value *from = hcl_evaluate(e, expr->a, locals), *key = hcl_evaluate(e, expr->b, locals);
	long double number;
	const char *text;

	if (!from || !key)
		return NULL;
	if (hcl_is_mapping(from)) {
		text = hcl_to_text(e, key, expr->b->place);
		return text ? mapping_member(e, from, text, expr->b->place) : NULL;
	}
	if (from->kind != HCL_TUPLE && from->kind != HCL_LIST)
		return hcl_fail(e, expr->place, NULL, "%s has no items to take one of", hcl_kind_name(from));
	if (!hcl_to_number(e, key, expr->b->place, &number))
		return NULL;
	if (number != floorl(number) || number < 0 || number >= (long double)from->len)
		return hcl_fail(e, expr->b->place, NULL, "the list has %zu items, counted from 0, and no such one",
				from->len);
	return from->items[(size_t)number];
}

static const struct hcl_value *eval_splat(struct hcl_eval *e, const struct hcl_expr *expr, const struct hcl_local *locals)
{
	const struct hcl_value *from = hcl_evaluate(e, expr->a, locals);
	struct gathered all cleanup_gathered = { 0 };
	size_t len;

	if (!from)
		return NULL;
	len = hcl_is_sequence(from) ? from->len : from->kind != HCL_NULL;
	for (size_t i = 0; i < len; i++) {
		const struct hcl_local item = { locals, "", hcl_is_sequence(from) ? from->items[i] : from };
		const struct hcl_value *value = hcl_evaluate(e, expr->b, &item);

		if (!value)
			return NULL;
		gather_value(&all, NULL, value);
	}
	return hcl_sequence(e->heap, HCL_TUPLE, all.items, all.len);
}

/* try() and can() take what fails for an answer; convert() takes a type. */
static const struct hcl_value *eval_special(struct hcl_eval *e, const struct hcl_expr *expr,
					    const struct hcl_local *locals, bool *ret_special)
{
	const struct hcl_value *value = NULL;
	const struct hcl_type *type;
	bool can = !strcmp(expr->name, "can");

	*ret_special = true;
	if (!strcmp(expr->name, "convert") && expr->len == 2) {
		value = hcl_evaluate(e, expr->items[0], locals);
		type = value ? hcl_type_of(e, expr->items[1]) : NULL;
		return type ? hcl_coerce(e, type, value, expr->items[0]->place) : NULL;
	}
	*ret_special = (can && expr->len == 1) || (!strcmp(expr->name, "try") && expr->len);
	if (!*ret_special)
		return NULL;
	e->quiet++;
	for (size_t i = 0; i < expr->len && !value; i++)
		value = hcl_evaluate(e, expr->items[i], locals);
	e->quiet--;
	if (can)
		return hcl_bool(value != NULL);
	return value ? value : hcl_fail(e, expr->place, NULL, "none of the expressions that are tried has a value");
}

static bool eval_args(struct hcl_eval *e, const struct hcl_expr *expr, const struct hcl_local *locals,
		      struct gathered *all)
{
	for (size_t i = 0; i < expr->len; i++) {
		const struct hcl_value *value = hcl_evaluate(e, expr->items[i], locals);

		if (!value)
			return false;
		if (!expr->expand || i + 1 < expr->len) {
			gather_value(all, NULL,
				     value->place.file ? value : hcl_placed(e->heap, value, expr->items[i]->place));
			continue;
		}
		if (!hcl_is_sequence(value))
			return hcl_fail(e, expr->items[i]->place, NULL, "\"...\" needs a list, but this is %s",
					hcl_kind_name(value));
		for (size_t j = 0; j < value->len; j++)
			gather_value(all, NULL, value->items[j]);
	}
	return true;
}

static const struct hcl_value *eval_call(struct hcl_eval *e, const struct hcl_expr *expr, const struct hcl_local *locals)
{
	const struct hcl_function_row *row = hcl_function_find(expr->name);
	struct gathered all cleanup_gathered = { 0 };
	const struct hcl_value *value;
	bool found = false;

	value = eval_special(e, expr, locals, &found);
	if (found)
		return value;
	if (!eval_args(e, expr, locals, &all))
		return NULL;
	if (row)
		return hcl_function_call(e, row, all.items, all.len, expr->place);
	value = e->names->call(e, expr->name, all.items, all.len, expr->place, &found);
	return found ? unknown_name(e, expr, "function", true) : value;
}

static const struct hcl_value *eval_unary(struct hcl_eval *e, const struct hcl_expr *expr, const struct hcl_local *locals)
{
	const struct hcl_value *a = hcl_evaluate(e, expr->a, locals);

	return a ? hcl_unary(e, expr->op, a, expr->a->place) : NULL;
}

static const struct hcl_value *eval_binary(struct hcl_eval *e, const struct hcl_expr *expr, const struct hcl_local *locals)
{
	const struct hcl_value *a = hcl_evaluate(e, expr->a, locals), *b = a ? hcl_evaluate(e, expr->b, locals) : NULL;

	return a && b ? hcl_binary(e, expr->op, a, b, expr->place) : NULL;
}

/* Both results must be of one type: a string when one of two single values is one. */
static const struct hcl_value *unify(struct hcl_eval *e, const struct hcl_value *value, const struct hcl_value *other,
				     struct hcl_place place)
{
	if (!other || value->kind == other->kind || value->kind == HCL_NULL || other->kind == HCL_NULL)
		return value;
	if (hcl_is_single(value) && other->kind == HCL_STRING)
		return hcl_string(e->heap, hcl_single_text(e->heap, value));
	if (hcl_is_sequence(value) && (other->kind == HCL_SET || (other->kind == HCL_LIST && value->kind == HCL_TUPLE)))
		return hcl_sequence(e->heap, other->kind, value->items, value->len);
	if ((hcl_is_single(other) && value->kind == HCL_STRING) || (hcl_is_sequence(value) && hcl_is_sequence(other)) ||
	    (hcl_is_mapping(value) && hcl_is_mapping(other)))
		return value;
	return hcl_fail(e, place, NULL, "both results must be of one type, but one is %s and the other %s",
			hcl_kind_name(value), hcl_kind_name(other));
}

static const struct hcl_value *eval_condition(struct hcl_eval *e, const struct hcl_expr *expr,
					      const struct hcl_local *locals)
{
	const struct hcl_value *test = hcl_evaluate(e, expr->a, locals), *value, *other;
	bool truth;

	if (!test || !hcl_to_bool(e, test, expr->a->place, &truth))
		return NULL;
	value = hcl_evaluate(e, truth ? expr->b : expr->c, locals);
	if (!value)
		return NULL;
	e->quiet++;
	other = hcl_evaluate(e, truth ? expr->c : expr->b, locals);
	e->quiet--;
	return unify(e, value, other, expr->place);
}

static const struct hcl_value *eval_template(struct hcl_eval *e, const struct hcl_expr *expr,
					     const struct hcl_local *locals)
{
	struct buf text cleanup_buf = { 0 };

	for (size_t i = 0; i < expr->len; i++) {
		const struct hcl_expr *item = expr->items[i];
		const struct hcl_value *value = hcl_evaluate(e, item, locals);
		const char *part;

		if (!value)
			return NULL;
		if (value->kind == HCL_NULL)
			return hcl_fail(e, item->place, NULL, "null has no place in a text");
		part = hcl_to_text(e, value, item->place);
		if (!part)
			return NULL;
		buf_str(&text, part);
		if (text.len > HCL_TEXT_MAX)
			return hcl_fail(e, expr->place, NULL, "the text is longer than %u MiB", HCL_TEXT_MAX >> 20);
	}
	return hcl_string_take(e->heap, &text);
}

static const struct hcl_value *eval_tuple(struct hcl_eval *e, const struct hcl_expr *expr, const struct hcl_local *locals)
{
	const struct hcl_value **items = arena_array(e->heap->arena, expr->len, sizeof(*items));

	for (size_t i = 0; i < expr->len; i++) {
		items[i] = hcl_evaluate(e, expr->items[i], locals);
		if (!items[i])
			return NULL;
	}
	return hcl_sequence(e->heap, HCL_TUPLE, items, expr->len);
}

/* The name of an attribute; NULL after a complaint. */
static const char *eval_key(struct hcl_eval *e, const struct hcl_expr *expr, const struct hcl_local *locals)
{
	const struct hcl_value *key = hcl_evaluate(e, expr, locals);

	if (key && key->kind == HCL_NULL)
		return hcl_fail(e, expr->place, NULL, "null is no name of an attribute");
	return key ? hcl_to_text(e, key, expr->place) : NULL;
}

static const struct hcl_value *eval_object(struct hcl_eval *e, const struct hcl_expr *expr, const struct hcl_local *locals)
{
	struct gathered all cleanup_gathered = { 0 };

	for (size_t i = 0; i < expr->len; i += 2) {
		const char *key = eval_key(e, expr->items[i], locals);
		const struct hcl_value *item = key ? hcl_evaluate(e, expr->items[i + 1], locals) : NULL;

		if (!item)
			return NULL;
		gather_value(&all, key, item);
	}
	return hcl_mapping(e->heap, HCL_OBJECT, all.keys, all.items, all.len);
}

/* The items of equal keys, as lists. */
static const struct hcl_value *group_items(struct hcl_eval *e, const struct gathered *all)
{
	const struct hcl_value *first = hcl_mapping(e->heap, HCL_OBJECT, all->keys, all->items, all->len);
	const struct hcl_value **lists = arena_array(e->heap->arena, first->len, sizeof(*lists));

	for (size_t i = 0; i < first->len; i++) {
		struct gathered own cleanup_gathered = { 0 };

		for (size_t j = 0; j < all->len && hcl_heap_spend(e->heap, 1); j++)
			if (!strcmp(all->keys[j], first->keys[i]))
				gather_value(&own, NULL, all->items[j]);
		lists[i] = hcl_sequence(e->heap, HCL_TUPLE, own.items, own.len);
	}
	return hcl_mapping(e->heap, HCL_OBJECT, first->keys, lists, first->len);
}

static const struct hcl_value *finish_for(struct hcl_eval *e, const struct hcl_expr *expr, const struct gathered *all)
{
	const struct hcl_value *made;

	if (!expr->b)
		return hcl_sequence(e->heap, HCL_TUPLE, all->items, all->len);
	if (expr->expand)
		return group_items(e, all);
	made = hcl_mapping(e->heap, HCL_OBJECT, all->keys, all->items, all->len);
	if (made->len < all->len)
		return hcl_fail(e, expr->b->place, "\"...\" behind the value makes lists of them",
				"the keys of this object are not different");
	return made;
}

/* One item of a "for"; false after a complaint. */
static bool eval_for_item(struct hcl_eval *e, const struct hcl_expr *expr, const struct hcl_local *locals,
			  struct gathered *all)
{
	const struct hcl_value *value;
	const char *key = NULL;
	bool truth = true;

	if (expr->len) {
		value = hcl_evaluate(e, expr->items[0], locals);
		if (!value || !hcl_to_bool(e, value, expr->items[0]->place, &truth))
			return false;
		if (!truth)
			return true;
	}
	if (expr->b) {
		key = eval_key(e, expr->b, locals);
		if (!key)
			return false;
	}
	value = hcl_evaluate(e, expr->c, locals);
	if (!value)
		return false;
	gather_value(all, key, value);
	return true;
}

static const struct hcl_value *join_for_text(struct hcl_eval *e, const struct gathered *all, struct hcl_place place)
{
	struct buf text cleanup_buf = { 0 };

	for (size_t i = 0; i < all->len; i++) {
		const char *part = hcl_to_text(e, all->items[i], place);

		if (!part)
			return NULL;
		buf_str(&text, part);
		if (text.len > HCL_TEXT_MAX)
			return hcl_fail(e, place, NULL, "the text is longer than %u MiB", HCL_TEXT_MAX >> 20);
	}
	return hcl_string_take(e->heap, &text);
}

static const struct hcl_value *eval_for(struct hcl_eval *e, const struct hcl_expr *expr, const struct hcl_local *locals)
{
	const struct hcl_value *from = hcl_evaluate(e, expr->a, locals);
	struct gathered all cleanup_gathered = { 0 };

	if (!from)
		return NULL;
	if (!hcl_is_sequence(from) && !hcl_is_mapping(from))
		return hcl_fail(e, expr->a->place, NULL, "\"for\" needs a list or a map, but this is %s",
				hcl_kind_name(from));
	for (size_t i = 0; i < from->len; i++) {
		const struct hcl_value *key = hcl_is_mapping(from)    ? hcl_string(e->heap, from->keys[i])
					      : from->kind == HCL_SET ? from->items[i]
								      : hcl_number(e->heap, (long double)i);
		const struct hcl_local outer = { locals, expr->key ? expr->key : "", key },
				       inner = { expr->key ? &outer : locals, expr->name, from->items[i] };

		if (!eval_for_item(e, expr, &inner, &all))
			return NULL;
	}
	return expr->joined ? join_for_text(e, &all, expr->place) : finish_for(e, expr, &all);
}

const struct hcl_value *hcl_evaluate(struct hcl_eval *e, const struct hcl_expr *expr, const struct hcl_local *locals)
{
	static evaluator *const evaluators[] = {
		eval_literal, eval_template, eval_name,      eval_attr,  eval_index,  eval_splat, eval_call,
		eval_unary,   eval_binary,   eval_condition, eval_tuple, eval_object, eval_for,
	};
	const struct hcl_value *value;
	TABLE_COMPLETE(evaluators, HCL_EXPR_KINDS);

	if (!hcl_heap_spend(e->heap, 1)) {
		if (!e->spent && !e->quiet)
			hcl_fail(e, expr->place, NULL, "the file's expressions take more than %u MiB",
				 HCL_HEAP_MAX >> 20);
		e->spent = e->spent || !e->quiet;
		return NULL;
	}
	if (e->depth == HCL_EVAL_DEPTH_MAX)
		return hcl_fail(e, expr->place, NULL, "expressions are evaluated more than %d deep", HCL_EVAL_DEPTH_MAX);
	e->depth++;
	value = evaluators[expr->kind](e, expr, locals);
	e->depth--;
	if (value && !value->place.file && value->kind != HCL_NULL)
		value = hcl_placed(e->heap, value, expr->place);
	return value;
}
