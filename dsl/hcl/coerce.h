#ifndef DSL_HCL_COERCE_H
#define DSL_HCL_COERCE_H

#include <stdbool.h>
#include <stddef.h>

#include "dsl/hcl/value.h"

struct hcl_eval;
struct hcl_expr;

/* Types, and values turned into them as cty does. */

enum hcl_type_kind {
	HCL_TYPE_ANY,
	HCL_TYPE_BOOL,
	HCL_TYPE_NUMBER,
	HCL_TYPE_STRING,
	HCL_TYPE_LIST,
	HCL_TYPE_SET,
	HCL_TYPE_MAP,
	HCL_TYPE_TUPLE,
	HCL_TYPE_OBJECT
};

struct hcl_type {
	enum hcl_type_kind kind;
	const struct hcl_type *item;         /* of a list, set, map */
	const struct hcl_type *const *items; /* of a tuple or object */
	const char *const *keys;             /* of an object */
	const bool *optional;
	size_t len;
};

/* Single values; NULL after a complaint at `place` when there is no such value. Null is none. */
const char *hcl_to_text(struct hcl_eval *e, const struct hcl_value *value, struct hcl_place place);
bool hcl_to_number(struct hcl_eval *e, const struct hcl_value *value, struct hcl_place place, long double *ret);
bool hcl_to_bool(struct hcl_eval *e, const struct hcl_value *value, struct hcl_place place, bool *ret);
/* The text of a single value; NULL when it has none. Nobody is told. */
const char *hcl_single_text(struct hcl_heap *heap, const struct hcl_value *value);

/* The type that an expression such as list(string) names; NULL after a complaint. */
const struct hcl_type *hcl_type_of(struct hcl_eval *e, const struct hcl_expr *expr);
/* The value as one of that type; NULL after a complaint. */
const struct hcl_value *hcl_coerce(struct hcl_eval *e, const struct hcl_type *type, const struct hcl_value *value,
				   struct hcl_place place);
/* "list(string)". */
const char *hcl_type_name(struct hcl_heap *heap, const struct hcl_type *type);

#endif
