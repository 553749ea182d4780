#ifndef DSL_HCL_OPERATOR_H
#define DSL_HCL_OPERATOR_H

#include "dsl/hcl/expression.h"

struct hcl_eval;

/* NULL after a complaint. */
const struct hcl_value *hcl_unary(struct hcl_eval *e, enum hcl_operator op, const struct hcl_value *a,
				  struct hcl_place place);
const struct hcl_value *hcl_binary(struct hcl_eval *e, enum hcl_operator op, const struct hcl_value *a,
				   const struct hcl_value *b, struct hcl_place place);

#endif
