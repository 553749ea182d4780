#ifndef DSL_HCL_EVALUATE_H
#define DSL_HCL_EVALUATE_H

#include <stdbool.h>
#include <stddef.h>

#include "dsl/hcl/value.h"

struct diags;
struct hcl_expr;

/* A name that is known only inside of an expression, before those around it. */
struct hcl_local {
	const struct hcl_local *outer;
	const char *name;
	const struct hcl_value *value;
};

struct hcl_eval;

/* What the names of a file mean. */
struct hcl_names {
	/* The value of a variable; NULL after a complaint, or with *ret_unknown set: there is none of that name. */
	const struct hcl_value *(*variable)(struct hcl_eval *e, const char *name, struct hcl_place place,
					    bool *ret_unknown);
	/* The same for "root.name.attr", which may be no variable's. */
	const struct hcl_value *(*member)(struct hcl_eval *e, const char *root, const char *name, const char *attr,
					  struct hcl_place place, bool *ret_unknown);
	/* The same for a function that the file defines. */
	const struct hcl_value *(*call)(struct hcl_eval *e, const char *name, const struct hcl_value *const *args,
					size_t len, struct hcl_place place, bool *ret_unknown);
	/* The known name most similar, or NULL. */
	const char *(*nearest)(struct hcl_eval *e, const char *name, bool function);
};

struct hcl_eval {
	struct hcl_heap *heap;
	struct diags *diags;
	const struct hcl_names *names;
	void *data; /* for `names` */
	unsigned depth;
	unsigned quiet; /* above 0: a complaint only makes the value NULL */
	bool spent;     /* that the heap is used up was complained about */
};

#define HCL_EVAL_DEPTH_MAX 500

/* NULL after a complaint. */
const struct hcl_value *hcl_evaluate(struct hcl_eval *e, const struct hcl_expr *expr, const struct hcl_local *locals);
/* Complains, unless nobody is to be told. Returns NULL. */
__attribute__((format(printf, 4, 5))) void *hcl_fail(struct hcl_eval *e, struct hcl_place place, const char *hint,
						     const char *fmt, ...);
struct pos hcl_pos(const struct hcl_eval *e, struct hcl_place place);

#endif
