#include "config.h"

#include <math.h>

#include "dsl/hcl/coerce.h"
#include "dsl/hcl/evaluate.h"
#include "dsl/hcl/operator.h"

static struct hcl_place own_place(const struct hcl_value *value, struct hcl_place place)
{
	return value->place.file ? value->place : place;
}

const struct hcl_value *hcl_unary(struct hcl_eval *e, enum hcl_operator op, const struct hcl_value *a,
				  struct hcl_place place)
{
	long double number;
	bool truth;

	if (op == HCL_NOT)
		return hcl_to_bool(e, a, own_place(a, place), &truth) ? hcl_bool(!truth) : NULL;
	return hcl_to_number(e, a, own_place(a, place), &number) ? hcl_number(e->heap, -number) : NULL;
}

static const struct hcl_value *logical(struct hcl_eval *e, enum hcl_operator op, const struct hcl_value *a,
				       const struct hcl_value *b, struct hcl_place place)
{
	bool one, other;

	if (!hcl_to_bool(e, a, own_place(a, place), &one) || !hcl_to_bool(e, b, own_place(b, place), &other))
		return NULL;
	return hcl_bool(op == HCL_AND ? one && other : one || other);
}

static const struct hcl_value *arithmetic(struct hcl_eval *e, enum hcl_operator op, long double a, long double b,
					  struct hcl_place place)
{
	long double result;

	if ((op == HCL_DIVIDE || op == HCL_MODULO) && b == 0)
		return hcl_fail(e, place, NULL, "division by zero");
	switch (op) {
	case HCL_ADD:
		result = a + b;
		break;
	case HCL_SUBTRACT:
		result = a - b;
		break;
	case HCL_MULTIPLY:
		result = a * b;
		break;
	case HCL_DIVIDE:
		result = a / b;
		break;
	default:
		result = fmodl(a, b);
	}
	return isfinite(result) ? hcl_number(e->heap, result)
				: hcl_fail(e, place, NULL, "the result is too large a number");
}

const struct hcl_value *hcl_binary(struct hcl_eval *e, enum hcl_operator op, const struct hcl_value *a,
				   const struct hcl_value *b, struct hcl_place place)
{
	long double one, other;

	if (op == HCL_OR || op == HCL_AND)
		return logical(e, op, a, b, place);
	if (op == HCL_EQUAL || op == HCL_UNEQUAL)
		return hcl_bool(hcl_equal(a, b) == (op == HCL_EQUAL));
	if (!hcl_to_number(e, a, own_place(a, place), &one) || !hcl_to_number(e, b, own_place(b, place), &other))
		return NULL;
	switch (op) {
	case HCL_GREATER:
		return hcl_bool(one > other);
	case HCL_GREATER_EQUAL:
		return hcl_bool(one >= other);
	case HCL_LESS:
		return hcl_bool(one < other);
	case HCL_LESS_EQUAL:
		return hcl_bool(one <= other);
	default:
		return arithmetic(e, op, one, other, place);
	}
}
