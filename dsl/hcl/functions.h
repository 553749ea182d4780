#ifndef DSL_HCL_FUNCTIONS_H
#define DSL_HCL_FUNCTIONS_H

#include <stddef.h>

#include "dsl/hcl/value.h"

struct hcl_eval;

/* The functions that every file knows: bake's standard library. */

struct hcl_call {
	struct hcl_eval *e;
	struct hcl_place place;
	const char *name;
	const struct hcl_value *const *args; /* of the kinds that the function's row asks for */
	size_t len;
};

/* NULL after a complaint. */
typedef const struct hcl_value *hcl_function(struct hcl_call *c);

/*
 * A row of a table of functions; a name of NULL ends it. `params` has a letter for each argument, and a dot behind the
 * last one when there may be none or many of it: s string, n number, b bool, l list, tuple or set, o list or tuple, m map or object,
 * c any of these collections, v any value, ? any value or null.
 */
struct hcl_function_row {
	const char *name;
	hcl_function *call;
	const char *params;
};

extern const struct hcl_function_row hcl_text_functions[], hcl_number_functions[], hcl_list_functions[],
	hcl_set_functions[], hcl_map_functions[], hcl_time_functions[], hcl_encode_functions[], hcl_regex_functions[],
	hcl_net_functions[], hcl_format_functions[], hcl_version_functions[];

/* The function of that name, or NULL. */
const struct hcl_function_row *hcl_function_find(const char *name);
/* Checks the arguments, and calls it. */
const struct hcl_value *hcl_function_call(struct hcl_eval *e, const struct hcl_function_row *row,
					  const struct hcl_value *const *args, size_t len, struct hcl_place place);
/* Appends the names of all to the array, as far as there is room; returns how many there are. */
size_t hcl_function_names(const char **names, size_t room);

/* For functions: complains about the argument `i` (the call itself when there is none). Returns NULL. */
__attribute__((format(printf, 3, 4))) void *hcl_refuse(struct hcl_call *c, size_t i, const char *fmt, ...);
/* The argument as a whole number from `low` to `high`; false after a complaint. */
bool hcl_whole(struct hcl_call *c, size_t i, long low, long high, long *ret);

#endif
