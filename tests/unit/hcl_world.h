#ifndef TESTS_UNIT_HCL_WORLD_H
#define TESTS_UNIT_HCL_WORLD_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/buf.h"
#include "base/diag.h"
#include "base/mem.h"
#include "base/text.h"
#include "dsl/hcl/body.h"
#include "dsl/hcl/evaluate.h"
#include "dsl/hcl/expression.h"
#include "dsl/hcl/functions.h"

/* The value of an expression in a file of its own, without variables. */
struct hcl_text {
	struct arena *arena;
	struct diags *diags;
	const struct hcl_body *body;
	const struct hcl_value *value; /* NULL: refused */
	struct buf json, complaints;
};

static inline const struct hcl_value *no_variable(struct hcl_eval *e, const char *name, struct hcl_place place,
						  bool *ret_unknown)
{
	(void)e;
	(void)name;
	(void)place;
	*ret_unknown = true;
	return NULL;
}

static inline const struct hcl_value *no_member(struct hcl_eval *e, const char *root, const char *name,
						const char *attr, struct hcl_place place, bool *ret_unknown)
{
	(void)root;
	(void)attr;
	return no_variable(e, name, place, ret_unknown);
}

static inline const struct hcl_value *no_call(struct hcl_eval *e, const char *name, const struct hcl_value *const *args,
					      size_t len, struct hcl_place place, bool *ret_unknown)
{
	(void)args;
	(void)len;
	return no_variable(e, name, place, ret_unknown);
}

static inline const char *nearest_function(struct hcl_eval *e, const char *name, bool function)
{
	const char *names[256];
	size_t len = hcl_function_names(names, 256);

	(void)e;
	return function ? text_nearest(name, names, len) : NULL;
}

static const struct hcl_names no_names = { no_variable, no_member, no_call, nearest_function };

/* Evaluates all attributes of a body; `value` is the last one's. */
static inline void hcl_text_evaluate(struct hcl_text *t)
{
	struct hcl_heap heap = { t->arena, HCL_HEAP_MAX };
	struct hcl_eval e = { .heap = &heap, .diags = t->diags, .names = &no_names };

	for (size_t i = 0; t->body && i < t->body->attrs_len; i++)
		t->value = hcl_evaluate(&e, t->body->attrs[i].expr, NULL);
	if (t->value)
		hcl_json(&t->json, t->value);
}

static inline void hcl_text_read(struct hcl_text *t, const char *expression)
{
	cleanup_free char *text = mem_printf("v = %s\n", expression);
	uint32_t file;

	*t = (struct hcl_text){ .arena = arena_new(), .diags = diags_new() };
	file = diags_source(t->diags, "x", text, strlen(text));
	t->body = hcl_parse(t->arena, t->diags, file);
	hcl_text_evaluate(t);
	buf_str(&t->complaints, "");
	diags_render(t->diags, &t->complaints, false);
}

static inline void hcl_text_free(struct hcl_text *t)
{
	arena_free(t->arena);
	diags_free(t->diags);
	buf_free(&t->json);
	buf_free(&t->complaints);
}

#endif
