#include "config.h"

#include <math.h>
#include <stdarg.h>
#include <string.h>

#include "base/mem.h"
#include "dsl/hcl/coerce.h"
#include "dsl/hcl/evaluate.h"
#include "dsl/hcl/functions.h"

static const struct hcl_function_row *const tables[] = {
	hcl_text_functions, hcl_number_functions, hcl_list_functions,    hcl_set_functions,
	hcl_map_functions,  hcl_time_functions,   hcl_encode_functions,  hcl_regex_functions,
	hcl_net_functions,  hcl_format_functions, hcl_version_functions,
};

enum { TABLES = sizeof(tables) / sizeof(tables[0]) };

const struct hcl_function_row *hcl_function_find(const char *name)
{
	for (size_t i = 0; i < TABLES; i++)
		for (const struct hcl_function_row *row = tables[i]; row->name; row++)
			if (!strcmp(row->name, name))
				return row;
	return NULL;
}

size_t hcl_function_names(const char **names, size_t room)
{
	size_t len = 0;

	for (size_t i = 0; i < TABLES; i++) {
		for (const struct hcl_function_row *row = tables[i]; row->name; row++, len++) {
			if (len < room)
				names[len] = row->name;
		}
	}
	return len;
}

static const struct hcl_value *fitting_single(struct hcl_eval *e, char kind, const struct hcl_value *value,
					      struct hcl_place place)
{
	const struct hcl_value *made;
	long double number;
	const char *text;
	bool truth;

	if (kind == 's') {
		text = hcl_to_text(e, value, place);
		made = text ? hcl_string(e->heap, text) : NULL;
	} else if (kind == 'n') {
		made = hcl_to_number(e, value, place, &number) ? hcl_number(e->heap, number) : NULL;
	} else {
		made = hcl_to_bool(e, value, place, &truth) ? hcl_bool(truth) : NULL;
	}
	return made ? hcl_placed(e->heap, made, value->place) : NULL;
}

/* The argument as the function takes it; NULL after a complaint. */
static const struct hcl_value *fitting(struct hcl_eval *e, char kind, const struct hcl_value *value,
				       struct hcl_place place)
{
	bool sequence = hcl_is_sequence(value), mapping = hcl_is_mapping(value);

	if (kind == '?')
		return value;
	if (value->kind == HCL_NULL)
		return hcl_fail(e, place, NULL, "the argument must not be null");
	if (kind == 's' || kind == 'n' || kind == 'b')
		return fitting_single(e, kind, value, place);
	if (kind == 'o' && value->kind == HCL_SET)
		return hcl_fail(e, place, NULL, "a list is needed here, and a set has no order");
	if (kind == 'v' || (kind == 'o' && sequence) || (kind == 'l' && sequence) || (kind == 'm' && mapping) ||
	    (kind == 'c' && (sequence || mapping)))
		return value;
	return hcl_fail(e, place, NULL, "%s is needed here, but this is %s", kind == 'm' ? "a map" : "a list",
			hcl_kind_name(value));
}

const struct hcl_value *hcl_function_call(struct hcl_eval *e, const struct hcl_function_row *row,
					  const struct hcl_value *const *args, size_t len, struct hcl_place place)
{
	size_t known = strlen(row->params), least = known;
	bool many = known && row->params[known - 1] == '.';
	const struct hcl_value **fit = arena_array(e->heap->arena, len, sizeof(*fit));
	struct hcl_call call = { .e = e, .place = place, .name = row->name, .args = fit, .len = len };

	if (many) {
		known--;
		least = known - 1;
	}
	if (len < least || (!many && len > known))
		return hcl_fail(e, place, NULL, "%s() takes %s%zu %s, not %zu", row->name, many ? "at least " : "",
				least, least == 1 ? "argument" : "arguments", len);
	for (size_t i = 0; i < len; i++) {
		fit[i] = fitting(e, row->params[i < known ? i : known - 1], args[i],
				 args[i]->place.file ? args[i]->place : place);
		if (!fit[i])
			return NULL;
	}
	return row->call(&call);
}
