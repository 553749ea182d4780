#ifndef DSL_HCL_EXPRESSION_H
#define DSL_HCL_EXPRESSION_H

#include <stdbool.h>
#include <stddef.h>

#include "dsl/hcl/value.h"

struct hcl_cursor;

/* Expressions of the HCL native syntax specification, as trees. */

enum hcl_expr_kind {
	HCL_EXPR_LITERAL,   /* value */
	HCL_EXPR_TEMPLATE,  /* items, joined to a string */
	HCL_EXPR_NAME,      /* name; "" in a splat: the item */
	HCL_EXPR_ATTR,      /* a.name */
	HCL_EXPR_INDEX,     /* a[b] */
	HCL_EXPR_SPLAT,     /* b for each item of a */
	HCL_EXPR_CALL,      /* name(items) */
	HCL_EXPR_UNARY,     /* op a */
	HCL_EXPR_BINARY,    /* a op b */
	HCL_EXPR_CONDITION, /* a ? b : c */
	HCL_EXPR_TUPLE,     /* items */
	HCL_EXPR_OBJECT,    /* items: a key and its value in turn */
	HCL_EXPR_FOR,       /* [for key, name in a : c if items[0]], {for key, name in a : b => c if items[0]} */
	HCL_EXPR_KINDS
};

enum hcl_operator {
	HCL_OR,
	HCL_AND,
	HCL_EQUAL,
	HCL_UNEQUAL,
	HCL_GREATER,
	HCL_GREATER_EQUAL,
	HCL_LESS,
	HCL_LESS_EQUAL,
	HCL_ADD,
	HCL_SUBTRACT,
	HCL_MULTIPLY,
	HCL_DIVIDE,
	HCL_MODULO,
	HCL_NOT,
	HCL_NEGATE,
	HCL_OPERATORS
};

struct hcl_expr {
	enum hcl_expr_kind kind : 8;
	enum hcl_operator op : 8;
	bool expand; /* of a call: the last argument is a list of arguments; of a "for": "..." groups */
	bool joined; /* of a "for": the items are a template's, joined to a string */
	struct hcl_place place;
	const char *name, *key;
	const struct hcl_expr *a, *b, *c;
	const struct hcl_expr *const *items;
	size_t len;
	const struct hcl_value *value;
};

struct hcl_expr *hcl_expr_new(struct hcl_cursor *c, enum hcl_expr_kind kind, size_t at);
/* An expression at the cursor; NULL after a complaint. */
const struct hcl_expr *hcl_parse_expression(struct hcl_cursor *c);
/* Behind "for": sets the names of `expr` and its collection; of an expression a colon follows, of a template's directive its end. False
 * after a complaint. */
bool hcl_parse_for(struct hcl_cursor *c, struct hcl_expr *expr);
/* The value of a tree of literals, lists and objects. */
const struct hcl_value *hcl_json_literal(struct hcl_heap *heap, const struct hcl_expr *expr);
/* The name, when the expression is nothing else; or NULL. */
const char *hcl_expr_keyword(const struct hcl_expr *expr);

#endif
