#ifndef DSL_MATRIX_H
#define DSL_MATRIX_H

#include <stddef.h>
#include <stdbool.h>

struct arena;
struct decode;
struct yaml_node;

#define MATRIX_MAX 1000        /* services that one matrix may make */
#define MATRIX_VARS_MAX 8      /* its variables */
#define MATRIX_RULES_MAX 100   /* its `exclude` and its `include` */
#define MATRIX_TRIED_MAX 50000 /* combinations of all matrices together, including the excluded ones */

/* One combination of a matrix's values, from which one service is made. */
struct combo {
	const char *const *names; /* of the variables, in the order written */
	const struct yaml_node **values;
	size_t len;
};

/* The combinations of a service's `matrix` (interpolated), the first variable changing slowest; NULL after a
 * complaint. Adds to `*tried`, which MATRIX_TRIED_MAX limits. */
struct combo *matrix_read(struct decode *d, const struct yaml_node *node, size_t *tried, size_t *ret_len);
/* The value of "GO" or, for a variable whose values are maps, of "item.GO"; NULL when there is none. */
const char *combo_value(const struct combo *combo, const char *name);
/* "GO=1.22, variant=a", for complaints. */
const char *combo_text(struct arena *arena, const struct combo *combo);
/* "web-1.22-a": the default name of the service; NULL when a value is a map. */
const char *combo_name(struct arena *arena, const char *service, const struct combo *combo);

#endif
