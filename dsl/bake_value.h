#ifndef DSL_BAKE_VALUE_H
#define DSL_BAKE_VALUE_H

#include <stdbool.h>

struct bake_variable;
struct hcl_eval;
struct hcl_type;
struct hcl_value;

/* The value of a variable that is given from outside: text of its type, or of the type that its default `value` (NULL:
 * none) has; lists and maps as CSV, or as JSON. NULL after a complaint. */
const struct hcl_value *bake_value_from(struct hcl_eval *e, const struct bake_variable *variable,
					const struct hcl_type *type, const struct hcl_value *value, const char *outside,
					bool json);

#endif
