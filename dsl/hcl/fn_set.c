#include "config.h"

#include <string.h>

#include "base/mem.h"
#include "dsl/hcl/coerce.h"
#include "dsl/hcl/evaluate.h"
#include "dsl/hcl/functions.h"

/* Functions of sets: lists become sets first. */

#define PRODUCT_MAX 100000 /* combinations that setproduct() makes */

/* All items are strings when one is. */
static const struct hcl_value *as_set(struct hcl_call *c, const struct hcl_value *from)
{
	const struct hcl_value **items = arena_array(c->e->heap->arena, from->len, sizeof(*items));
	bool text = false;

	for (size_t i = 0; i < c->len; i++)
		for (size_t j = 0; hcl_is_sequence(c->args[i]) && j < c->args[i]->len; j++)
			text = text || c->args[i]->items[j]->kind == HCL_STRING;
	for (size_t i = 0; i < from->len; i++) {
		const char *single = text ? hcl_single_text(c->e->heap, from->items[i]) : NULL;

		items[i] = single ? hcl_string(c->e->heap, single) : from->items[i];
	}
	return hcl_sequence(c->e->heap, HCL_SET, items, from->len);
}

static bool set_contains(const struct hcl_value *set, const struct hcl_value *item)
{
	size_t low = 0, high = set->len;

	while (low < high) {
		size_t middle = (low + high) / 2;
		int order = hcl_compare(set->items[middle], item);

		if (!order)
			return true;
		if (order < 0)
			low = middle + 1;
		else
			high = middle;
	}
	return false;
}

/* The items of `a` that are in `b`, or are not. */
static const struct hcl_value *set_filter(struct hcl_call *c, const struct hcl_value *a, const struct hcl_value *b,
					  bool in)
{
	const struct hcl_value **items = arena_array(c->e->heap->arena, a->len, sizeof(*items));
	size_t len = 0;

	for (size_t i = 0; i < a->len; i++)
		if (set_contains(b, a->items[i]) == in)
			items[len++] = a->items[i];
	return hcl_sequence(c->e->heap, HCL_SET, items, len);
}

static const struct hcl_value *set_join(struct hcl_call *c, const struct hcl_value *a, const struct hcl_value *b)
{
	const struct hcl_value **items = arena_array(c->e->heap->arena, a->len + b->len, sizeof(*items));

	if (a->len)
		memcpy(items, a->items, a->len * sizeof(*items));
	if (b->len)
		memcpy(items + a->len, b->items, b->len * sizeof(*items));
	return hcl_sequence(c->e->heap, HCL_SET, items, a->len + b->len);
}

static const struct hcl_value *fn_sethaselement(struct hcl_call *c)
{
	return hcl_bool(set_contains(as_set(c, c->args[0]), c->args[1]));
}

static const struct hcl_value *fn_setunion(struct hcl_call *c)
{
	const struct hcl_value *set = as_set(c, c->args[0]);

	for (size_t i = 1; i < c->len; i++)
		set = set_join(c, set, as_set(c, c->args[i]));
	return set;
}

static const struct hcl_value *fn_setintersection(struct hcl_call *c)
{
	const struct hcl_value *set = as_set(c, c->args[0]);

	for (size_t i = 1; i < c->len; i++)
		set = set_filter(c, set, as_set(c, c->args[i]), true);
	return set;
}

static const struct hcl_value *fn_setsubtract(struct hcl_call *c)
{
	return set_filter(c, as_set(c, c->args[0]), as_set(c, c->args[1]), false);
}

static const struct hcl_value *fn_setsymmetricdifference(struct hcl_call *c)
{
	const struct hcl_value *set = as_set(c, c->args[0]);

	for (size_t i = 1; i < c->len; i++) {
		const struct hcl_value *other = as_set(c, c->args[i]);

		set = set_join(c, set_filter(c, set, other, false), set_filter(c, other, set, false));
	}
	return set;
}

/* All combinations, the last list fastest; a set when all are sets. */
static const struct hcl_value *fn_setproduct(struct hcl_call *c)
{
	const struct hcl_value **rows, **row;
	size_t total = 1;
	bool sets = true;

	if (c->len < 2)
		return hcl_refuse(c, 0, "at least two lists are needed");
	for (size_t i = 0; i < c->len; i++) {
		total *= c->args[i]->len;
		sets = sets && c->args[i]->kind == HCL_SET;
		if (total > PRODUCT_MAX)
			return hcl_refuse(c, i, "more than %d combinations", PRODUCT_MAX);
	}
	rows = arena_array(c->e->heap->arena, total, sizeof(*rows));
	row = arena_array(c->e->heap->arena, c->len, sizeof(*row));
	for (size_t i = 0; i < total; i++) {
		size_t rest = i;

		for (size_t j = c->len; j-- > 0; rest /= c->args[j]->len)
			row[j] = c->args[j]->items[rest % c->args[j]->len];
		rows[i] = hcl_sequence(c->e->heap, HCL_TUPLE, row, c->len);
	}
	return hcl_sequence(c->e->heap, sets ? HCL_SET : HCL_LIST, rows, total);
}

const struct hcl_function_row hcl_set_functions[] = {
	{ "sethaselement", fn_sethaselement, "lv" },
	{ "setintersection", fn_setintersection, "ll." },
	{ "setproduct", fn_setproduct, "l." },
	{ "setsubtract", fn_setsubtract, "ll" },
	{ "setsymmetricdifference", fn_setsymmetricdifference, "ll." },
	{ "setunion", fn_setunion, "ll." },
	{ 0 },
};
