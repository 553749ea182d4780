#ifndef DSL_HCL_BODY_H
#define DSL_HCL_BODY_H

#include <stddef.h>

#include "dsl/hcl/value.h"

struct diags;
struct hcl_cursor;
struct hcl_expr;

/* Bodies of HCL: attributes and blocks, as they were written. */

struct hcl_attr {
	const char *name;
	struct hcl_place place;
	const struct hcl_expr *expr;
};

#define HCL_LABELS_MAX 2  /* of a block */
#define HCL_ATTRS_MAX 256 /* of a body */

struct hcl_block {
	const char *type;
	struct hcl_place place;
	const char *labels[HCL_LABELS_MAX];
	struct hcl_place label_places[HCL_LABELS_MAX];
	size_t labels_len;
	const struct hcl_body *body;
};

struct hcl_body {
	struct hcl_place place;
	struct hcl_attr *attrs; /* in the order written; no name twice */
	size_t attrs_len;
	struct hcl_block *blocks;
	size_t blocks_len;
};

/* Reads a text in HCL's native syntax. NULL after a complaint. */
const struct hcl_body *hcl_parse(struct arena *arena, struct diags *diags, uint32_t file);
/* The attribute, or NULL. */
const struct hcl_attr *hcl_attribute(const struct hcl_body *body, const char *name);

/* What the members of an object mean in HCL's JSON syntax. */
struct hcl_json_schema {
	const char *type;                    /* a member's name; NULL ends a list of these */
	size_t labels;                       /* levels of names, before the body */
	const struct hcl_json_schema *inner; /* of its body */
};

/* The same in HCL's JSON syntax: members that `schema` has are blocks, the others are attributes. */
const struct hcl_body *hcl_parse_json(struct arena *arena, struct diags *diags, uint32_t file,
				      const struct hcl_json_schema *schema);
/* A value of JSON at the cursor, as an expression. NULL after a complaint. */
const struct hcl_expr *hcl_parse_json_value(struct hcl_cursor *c);

#endif
