#include "config.h"

#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "dsl/hcl/coerce.h"
#include "dsl/hcl/evaluate.h"
#include "dsl/hcl/functions.h"

/* Functions of lists. */

/* A list's items are of one type: strings, when one of several single values is one. */
static const struct hcl_value *one_type_list(struct hcl_call *c, const struct hcl_value *from)
{
	const struct hcl_value **items;
	bool text = false, other = false;

	for (size_t i = 0; i < from->len; i++) {
		text = text || from->items[i]->kind == HCL_STRING;
		other = other || (from->items[i]->kind != HCL_STRING && hcl_is_single(from->items[i]));
	}
	if (!text || !other)
		return from;
	items = arena_array(c->e->heap->arena, from->len, sizeof(*items));
	for (size_t i = 0; i < from->len; i++) {
		const char *single = hcl_single_text(c->e->heap, from->items[i]);

		items[i] = single ? hcl_placed(c->e->heap, hcl_string(c->e->heap, single), from->items[i]->place)
				  : from->items[i];
	}
	return hcl_sequence(c->e->heap, HCL_LIST, items, from->len);
}

static const struct hcl_value *part_of(struct hcl_call *c, const struct hcl_value *from, size_t first, size_t len)
{
	return hcl_sequence(c->e->heap, from->kind == HCL_SET ? HCL_LIST : from->kind, from->items + first, len);
}

static const struct hcl_value *fn_length(struct hcl_call *c)
{
	return hcl_number(c->e->heap, (long double)c->args[0]->len);
}

static const struct hcl_value *fn_chunklist(struct hcl_call *c)
{
	const struct hcl_value *from = c->args[0],
			       **chunks = arena_array(c->e->heap->arena, from->len + 1, sizeof(*chunks));
	long size;
	size_t len = 0;

	if (!hcl_whole(c, 1, 0, HCL_TEXT_MAX, &size))
		return NULL;
	if (!size)
		chunks[len++] = from;
	for (size_t i = 0; size && i < from->len; i += (size_t)size)
		chunks[len++] = part_of(c, from, i, from->len - i < (size_t)size ? from->len - i : (size_t)size);
	return hcl_sequence(c->e->heap, HCL_LIST, chunks, len);
}

static const struct hcl_value *fn_coalesce(struct hcl_call *c)
{
	bool text = false;

	for (size_t i = 0; i < c->len; i++)
		text = text || c->args[i]->kind == HCL_STRING;
	for (size_t i = 0; i < c->len; i++) {
		const char *single = text ? hcl_single_text(c->e->heap, c->args[i]) : NULL;

		if (c->args[i]->kind != HCL_NULL)
			return single ? hcl_string(c->e->heap, single) : c->args[i];
	}
	return hcl_refuse(c, 0, "all arguments are null");
}

static const struct hcl_value *fn_coalescelist(struct hcl_call *c)
{
	for (size_t i = 0; i < c->len; i++) {
		if (c->args[i]->kind != HCL_NULL && !hcl_is_sequence(c->args[i]))
			return hcl_refuse(c, i, "a list is needed");
		if (c->args[i]->len && c->args[i]->kind != HCL_NULL)
			return c->args[i];
	}
	return hcl_refuse(c, 0, "all lists are empty");
}

static const struct hcl_value *fn_compact(struct hcl_call *c)
{
	const struct hcl_value *from = c->args[0], **items = arena_array(c->e->heap->arena, from->len, sizeof(*items));
	size_t len = 0;

	for (size_t i = 0; i < from->len; i++) {
		const char *text = hcl_single_text(c->e->heap, from->items[i]);

		if (!text && from->items[i]->kind != HCL_NULL)
			return hcl_refuse(c, 0, "the list holds %s, not only strings", hcl_kind_name(from->items[i]));
		if (text && *text)
			items[len++] = from->items[i]->kind == HCL_STRING ? from->items[i] : hcl_string(c->e->heap, text);
	}
	return hcl_sequence(c->e->heap, HCL_LIST, items, len);
}

static const struct hcl_value *fn_concat(struct hcl_call *c)
{
	const struct hcl_value **items;
	size_t len = 0;

	if (!c->len)
		return hcl_refuse(c, 0, "at least one list is needed");
	for (size_t i = 0; i < c->len; i++)
		len += c->args[i]->len;
	items = arena_array(c->e->heap->arena, len, sizeof(*items));
	len = 0;
	for (size_t i = 0; i < c->len; len += c->args[i++]->len)
		if (c->args[i]->len)
			memcpy(items + len, c->args[i]->items, c->args[i]->len * sizeof(*items));
	return hcl_sequence(c->e->heap, HCL_TUPLE, items, len);
}

static const struct hcl_value *fn_contains(struct hcl_call *c)
{
	for (size_t i = 0; i < c->args[0]->len; i++)
		if (hcl_equal(c->args[0]->items[i], c->args[1]))
			return hcl_bool(true);
	return hcl_bool(false);
}

static const struct hcl_value *fn_indexof(struct hcl_call *c)
{
	for (size_t i = 0; i < c->args[0]->len; i++)
		if (hcl_equal(c->args[0]->items[i], c->args[1]))
			return hcl_number(c->e->heap, (long double)i);
	return hcl_refuse(c, 1, "the list has no such item");
}

static const struct hcl_value *fn_distinct(struct hcl_call *c)
{
	const struct hcl_value *from = one_type_list(c, c->args[0]);
	const struct hcl_value **items = arena_array(c->e->heap->arena, from->len, sizeof(*items));
	size_t len = 0;

	for (size_t i = 0; i < from->len; i++) {
		size_t j = 0;

		while (j < len && hcl_heap_spend(c->e->heap, 1) && !hcl_equal(items[j], from->items[i]))
			j++;
		if (j == len)
			items[len++] = from->items[i];
	}
	return hcl_sequence(c->e->heap, HCL_LIST, items, len);
}

static const struct hcl_value *fn_element(struct hcl_call *c)
{
	const struct hcl_value *from = c->args[0];
	long index;

	if (!hcl_whole(c, 1, 0, HCL_TEXT_MAX, &index))
		return NULL;
	return from->len ? from->items[(size_t)index % from->len] : hcl_refuse(c, 0, "the list is empty");
}

/* False when it is nested too deeply. */
static bool flatten_into(struct hcl_call *c, const struct hcl_value *from, const struct hcl_value ***items, size_t *len,
			 size_t *cap, unsigned depth)
{
	for (size_t i = 0; i < from->len; i++) {
		if (!hcl_is_sequence(from->items[i])) {
			mem_reserve(items, cap, *len + 1, sizeof(struct hcl_value *));
			(*items)[(*len)++] = from->items[i];
		} else if (depth == HCL_EVAL_DEPTH_MAX || !hcl_heap_spend(c->e->heap, 1) ||
			   !flatten_into(c, from->items[i], items, len, cap, depth + 1)) {
			return false;
		}
	}
	return true;
}

static const struct hcl_value *fn_flatten(struct hcl_call *c)
{
	const struct hcl_value **items = NULL, *made = NULL;
	size_t len = 0, cap = 0;

	if (flatten_into(c, c->args[0], &items, &len, &cap, 0))
		made = hcl_sequence(c->e->heap, HCL_TUPLE, items, len);
	else
		hcl_refuse(c, 0, "the list is nested too deeply");
	free(items);
	return made;
}

static const struct hcl_value *fn_reverselist(struct hcl_call *c)
{
	const struct hcl_value *from = c->args[0], **items = arena_array(c->e->heap->arena, from->len, sizeof(*items));

	for (size_t i = 0; i < from->len; i++)
		items[i] = from->items[from->len - 1 - i];
	return hcl_sequence(c->e->heap, from->kind == HCL_SET ? HCL_LIST : from->kind, items, from->len);
}

static const struct hcl_value *fn_slice(struct hcl_call *c)
{
	const struct hcl_value *from = c->args[0];
	long first, end;

	if (!hcl_whole(c, 1, 0, (long)from->len, &first) || !hcl_whole(c, 2, first, (long)from->len, &end))
		return NULL;
	return part_of(c, from, (size_t)first, (size_t)(end - first));
}

static int compare_texts(const void *a, const void *b)
{
	return strcmp((*(const struct hcl_value *const *)a)->text, (*(const struct hcl_value *const *)b)->text);
}

static const struct hcl_value *fn_sort(struct hcl_call *c)
{
	const struct hcl_value *from = c->args[0], **items = arena_array(c->e->heap->arena, from->len, sizeof(*items));

	for (size_t i = 0; i < from->len; i++) {
		const char *text = hcl_single_text(c->e->heap, from->items[i]);

		if (!text)
			return hcl_refuse(c, 0, "the list holds %s, not only strings", hcl_kind_name(from->items[i]));
		items[i] = hcl_placed(c->e->heap, hcl_string(c->e->heap, text), from->items[i]->place);
	}
	if (from->len)
		qsort(items, from->len, sizeof(*items), compare_texts);
	return hcl_sequence(c->e->heap, HCL_LIST, items, from->len);
}

const struct hcl_function_row hcl_list_functions[] = {
	{ "chunklist", fn_chunklist, "ln" },
	{ "coalesce", fn_coalesce, "?." },
	{ "coalescelist", fn_coalescelist, "?." },
	{ "compact", fn_compact, "l" },
	{ "concat", fn_concat, "o." },
	{ "contains", fn_contains, "lv" },
	{ "distinct", fn_distinct, "l" },
	{ "element", fn_element, "on" },
	{ "flatten", fn_flatten, "l" },
	{ "indexof", fn_indexof, "ov" },
	{ "length", fn_length, "c" },
	{ "reverselist", fn_reverselist, "l" },
	{ "slice", fn_slice, "onn" },
	{ "sort", fn_sort, "l" },
	{ 0 },
};
