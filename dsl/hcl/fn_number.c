#include "config.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "dsl/hcl/coerce.h"
#include "dsl/hcl/evaluate.h"
#include "dsl/hcl/functions.h"
#include "dsl/hcl/operator.h"

/* Functions of numbers, and operators as functions. */

#define RANGE_MAX 1024 /* cty's limit of what range() makes */

static const struct hcl_value *finite_number(struct hcl_call *c, long double number)
{
	return isfinite(number) ? hcl_number(c->e->heap, number) : hcl_refuse(c, c->len, "the result is not a number");
}

static const struct hcl_value *fn_operator(struct hcl_call *c)
{
	static const char *const names[] = { "or",          "and",
					     "equal",       "notequal",
					     "greaterthan", "greaterthanorequalto",
					     "lessthan",    "lessthanorequalto",
					     "add",         "subtract",
					     "multiply",    "divide",
					     "modulo" };
	size_t op = 0;

	while (strcmp(names[op], c->name) != 0)
		op++;
	return hcl_binary(c->e, (enum hcl_operator)op, c->args[0], c->args[1], c->place);
}

static const struct hcl_value *fn_not(struct hcl_call *c)
{
	return hcl_bool(!c->args[0]->truth);
}

static const struct hcl_value *fn_absolute(struct hcl_call *c)
{
	return hcl_number(c->e->heap, fabsl(c->args[0]->number));
}

static const struct hcl_value *fn_ceil(struct hcl_call *c)
{
	return hcl_number(c->e->heap, ceill(c->args[0]->number));
}

static const struct hcl_value *fn_floor(struct hcl_call *c)
{
	return hcl_number(c->e->heap, floorl(c->args[0]->number));
}

static const struct hcl_value *fn_int(struct hcl_call *c)
{
	return hcl_number(c->e->heap, truncl(c->args[0]->number));
}

static const struct hcl_value *fn_negate(struct hcl_call *c)
{
	return hcl_number(c->e->heap, -c->args[0]->number);
}

static const struct hcl_value *fn_signum(struct hcl_call *c)
{
	long double number = c->args[0]->number;

	return number != truncl(number) ? hcl_refuse(c, 0, "a whole number is needed")
					: hcl_number(c->e->heap, (long double)((number > 0) - (number < 0)));
}

/* cty computes these two as doubles. */
static const struct hcl_value *fn_log(struct hcl_call *c)
{
	return finite_number(c, (long double)(log((double)c->args[0]->number) / log((double)c->args[1]->number)));
}

static const struct hcl_value *fn_pow(struct hcl_call *c)
{
	return finite_number(c, (long double)pow((double)c->args[0]->number, (double)c->args[1]->number));
}

static const struct hcl_value *extreme(struct hcl_call *c, bool greatest)
{
	const struct hcl_value *found = c->len ? c->args[0] : hcl_refuse(c, 0, "at least one number is needed");

	for (size_t i = 1; i < c->len; i++)
		if (c->args[i]->number != found->number && (c->args[i]->number > found->number) == greatest)
			found = c->args[i];
	return found;
}

static const struct hcl_value *fn_max(struct hcl_call *c)
{
	return extreme(c, true);
}

static const struct hcl_value *fn_min(struct hcl_call *c)
{
	return extreme(c, false);
}

static int digit_value(char digit, long base)
{
	if (digit >= '0' && digit <= '9')
		return digit - '0';
	if (digit >= 'a' && digit <= 'z')
		return digit - 'a' + 10;
	if (digit >= 'A' && digit <= 'Z')
		return digit - 'A' + (base <= 36 ? 10 : 36);
	return 99;
}

static const struct hcl_value *fn_parseint(struct hcl_call *c)
{
	const char *text = hcl_single_text(c->e->heap, c->args[0]), *digit;
	long double number = 0;
	long base;

	if (!text || c->args[0]->kind == HCL_BOOL)
		return hcl_refuse(c, 0, "a string or a number is needed");
	if (!hcl_whole(c, 1, 2, 62, &base))
		return NULL;
	digit = text + (*text == '-' || *text == '+');
	if (!*digit)
		return hcl_refuse(c, 0, "\"%s\" is not a number", text);
	for (; *digit; digit++) {
		int value = digit_value(*digit, base);

		if (value >= base)
			return hcl_refuse(c, 0, "\"%s\" is not a number of base %ld", text, base);
		number = number * (long double)base + (long double)value;
	}
	return finite_number(c, *text == '-' ? -number : number);
}

static const struct hcl_value *fn_range(struct hcl_call *c)
{
	long double from = c->len > 1 ? c->args[0]->number : 0, to = c->len ? c->args[c->len > 1]->number : 0;
	long double step = c->len > 2 ? c->args[2]->number : to < from ? -1 : 1;
	const struct hcl_value *items[RANGE_MAX];
	size_t len = 0;

	if (!c->len || c->len > 3)
		return hcl_refuse(c, 0, "it takes one to three numbers");
	if (step == 0 || (to != from && (to > from) != (step > 0)))
		return hcl_refuse(c, c->len - 1, "this step does not lead from the start to the end");
	for (long double at = from; step > 0 ? at < to : at > to; at += step) {
		if (len == RANGE_MAX)
			return hcl_refuse(c, 0, "more than %d numbers", RANGE_MAX);
		items[len++] = hcl_number(c->e->heap, at);
	}
	return hcl_sequence(c->e->heap, HCL_LIST, items, len);
}

const struct hcl_function_row hcl_number_functions[] = {
	{ "absolute", fn_absolute, "n" },
	{ "add", fn_operator, "nn" },
	{ "and", fn_operator, "bb" },
	{ "ceil", fn_ceil, "n" },
	{ "divide", fn_operator, "nn" },
	{ "equal", fn_operator, "??" },
	{ "floor", fn_floor, "n" },
	{ "greaterthan", fn_operator, "nn" },
	{ "greaterthanorequalto", fn_operator, "nn" },
	{ "int", fn_int, "n" },
	{ "lessthan", fn_operator, "nn" },
	{ "lessthanorequalto", fn_operator, "nn" },
	{ "log", fn_log, "nn" },
	{ "max", fn_max, "n." },
	{ "min", fn_min, "n." },
	{ "modulo", fn_operator, "nn" },
	{ "multiply", fn_operator, "nn" },
	{ "negate", fn_negate, "n" },
	{ "not", fn_not, "b" },
	{ "notequal", fn_operator, "??" },
	{ "or", fn_operator, "bb" },
	{ "parseint", fn_parseint, "vn" },
	{ "pow", fn_pow, "nn" },
	{ "range", fn_range, "n." },
	{ "signum", fn_signum, "n" },
	{ "subtract", fn_operator, "nn" },
	{ 0 },
};
