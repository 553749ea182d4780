#include "config.h"

#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/diag.h"
#include "base/map.h"
#include "base/mem.h"
#include "base/text.h"
#include "dsl/bake_parts.h"
#include "dsl/bake_value.h"
#include "dsl/hcl/coerce.h"
#include "dsl/hcl/cursor.h"
#include "dsl/hcl/expression.h"
#include "dsl/hcl/functions.h"
#include "dsl/load.h"

static struct bake *bake_of(struct hcl_eval *e)
{
	return e->data;
}

/* Complains about what a block has beside `known` (NULL-terminated). */
static void check_attributes(struct bake *bake, const struct hcl_body *body, const char *const *known, const char *what)
{
	size_t len = 0;

	while (known[len])
		len++;
	for (size_t i = 0; i < body->attrs_len; i++) {
		const struct hcl_attr *attr = &body->attrs[i];
		const char *nearest;
		size_t j = 0;

		while (j < len && strcmp(known[j], attr->name) != 0)
			j++;
		if (j < len)
			continue;
		nearest = text_nearest(attr->name, known, len);
		hcl_fail(&bake->eval, attr->place,
			 nearest ? arena_printf(bake->arena, "did you mean \"%s\"?", nearest) : NULL,
			 "a %s has no \"%s\"", what, attr->name);
	}
}

static void bake_add_variable(struct bake *bake, const char *name, struct hcl_place place, const struct hcl_expr *expr,
			      const struct hcl_body *body)
{
	struct bake_variable *variable = arena_alloc(bake->arena, sizeof(*variable));

	*variable = (struct bake_variable){ .name = name, .place = place, .expr = expr, .body = body };
	map_set(bake->variables, name, variable);
}

void bake_take_variable(struct bake *bake, const struct hcl_block *block)
{
	static const char *const known[] = { "default", "type", "description", NULL };
	const struct hcl_attr *value = hcl_attribute(block->body, "default");

	check_attributes(bake, block->body, known, "variable");
	bake_add_variable(bake, block->labels[0], block->place, value ? value->expr : NULL, block->body);
}

void bake_take_attribute(struct bake *bake, const struct hcl_attr *attr)
{
	bake_add_variable(bake, attr->name, attr->place, attr->expr, NULL);
}

/* A parameter: a name, in JSON as a text. */
static const char *parameter(struct bake *bake, const struct hcl_expr *expr)
{
	const char *name = hcl_expr_keyword(expr);

	if (!name && expr->kind == HCL_EXPR_LITERAL && expr->value->kind == HCL_STRING)
		name = expr->value->text;
	return name ? name : hcl_fail(&bake->eval, expr->place, NULL, "the name of a parameter is needed here");
}

void bake_take_function(struct bake *bake, const struct hcl_block *block)
{
	static const char *const known[] = { "params", "variadic_params", "result", "description", NULL };
	struct bake_function *function = arena_alloc(bake->arena, sizeof(*function));
	const struct hcl_attr *params = hcl_attribute(block->body, "params");
	const struct hcl_attr *rest = hcl_attribute(block->body, "variadic_params");
	const struct hcl_attr *result = hcl_attribute(block->body, "result");

	check_attributes(bake, block->body, known, "function");
	if (!params || !result || params->expr->kind != HCL_EXPR_TUPLE) {
		hcl_fail(&bake->eval, block->place, "write params = [a, b] and result = EXPRESSION",
			 "the function \"%s\" needs a list of \"params\", and a \"result\"", block->labels[0]);
		return;
	}
	function->name = block->labels[0];
	function->result = result->expr;
	function->params = arena_array(bake->arena, params->expr->len, sizeof(char *));
	for (size_t i = 0; i < params->expr->len; i++) {
		function->params[i] = parameter(bake, params->expr->items[i]);
		if (!function->params[i])
			return;
	}
	function->params_len = params->expr->len;
	function->rest = rest ? parameter(bake, rest->expr) : NULL;
	map_set(bake->functions, function->name, function);
}

const char *bake_outside(const struct bake *bake, const char *name)
{
	const char *const *const lists[] = { bake->options->sets, bake->options->environ };
	size_t len = strlen(name);

	for (size_t i = 0; i < 2; i++) {
		const char *found = NULL;

		for (const char *const *item = lists[i]; item && *item; item++)
			if (!strncmp(*item, name, len) && (*item)[len] == '=')
				found = *item + len + 1;
		if (found)
			return found;
	}
	return NULL;
}

/* The type that a variable was given; NULL: none, or after a complaint. In JSON it is a text. */
static const struct hcl_type *variable_type(struct bake *bake, const struct bake_variable *variable)
{
	const struct hcl_attr *attr = variable->body ? hcl_attribute(variable->body, "type") : NULL;
	struct hcl_cursor cursor = { .heap = &bake->heap, .diags = bake->diags, .inside = 1, .fixed = true };
	const struct hcl_expr *expr = attr ? attr->expr : NULL;

	if (expr && expr->kind == HCL_EXPR_LITERAL && expr->value->kind == HCL_NULL)
		return NULL;
	if (expr && expr->kind == HCL_EXPR_LITERAL && expr->value->kind == HCL_STRING) {
		cursor.text = expr->value->text;
		cursor.place = expr->place;
		expr = hcl_parse_expression(&cursor);
		free(cursor.open);
	}
	return expr ? hcl_type_of(&bake->eval, expr) : NULL;
}

/* The value from outside: `NAME`, or for typed ones preferably NAME_JSON. */
static const char *variable_outside(struct bake *bake, const struct bake_variable *variable, bool typed, bool *ret_json)
{
	const char *value = bake_outside(bake, variable->name), *json_name, *json;

	*ret_json = false;
	if (value && !typed)
		return value;
	json_name = arena_join(bake->arena, variable->name, "_JSON", NULL);
	json = map_get(bake->variables, json_name) ? NULL : bake_outside(bake, json_name);
	*ret_json = json != NULL;
	return json ? json : value;
}

static const struct hcl_value *compute(struct bake *bake, const struct bake_variable *variable)
{
	const struct hcl_type *type = variable_type(bake, variable);
	const struct hcl_value *value = NULL;
	const char *outside;
	bool json;

	if (variable->expr) {
		value = hcl_evaluate(&bake->eval, variable->expr, NULL);
		if (value && type)
			value = hcl_coerce(&bake->eval, type, value, variable->expr->place);
		if (!value)
			return NULL;
	}
	outside = variable->body ? variable_outside(bake, variable, type != NULL, &json) : NULL;
	if (outside)
		return bake_value_from(&bake->eval, variable, type, value, outside, json);
	if (!value)
		value = type ? hcl_null() : hcl_string(&bake->heap, "");
	return value;
}

static const struct hcl_value *bake_variable_value(struct bake *bake, struct bake_variable *variable)
{
	unsigned quiet = bake->eval.quiet;

	if (variable->state == BAKE_OPEN) {
		hcl_fail(&bake->eval, variable->place, NULL, "the variable \"%s\" needs its own value", variable->name);
		return NULL;
	}
	if (variable->state == BAKE_NEW) {
		variable->state = BAKE_OPEN;
		bake->eval.quiet = 0;
		variable->value = compute(bake, variable);
		bake->eval.quiet = quiet;
		variable->state = variable->value ? BAKE_DONE : BAKE_BROKEN;
	}
	return variable->value;
}

static const struct hcl_value *bake_find_variable(struct hcl_eval *e, const char *name, struct hcl_place place,
						  bool *ret_unknown)
{
	struct bake *bake = bake_of(e);
	struct bake_variable *variable = map_get(bake->variables, name);

	if (!strcmp(name, "BAKE_LOCAL_PLATFORM"))
		return hcl_string(e->heap, bake->local_platform);
	if (!strcmp(name, "BAKE_CMD_CONTEXT"))
		return hcl_string(e->heap, "cwd://");
	if (variable)
		return bake_variable_value(bake, variable);
	if (!strcmp(name, "target") || !strcmp(name, "group"))
		return hcl_fail(e, place, "write target.NAME.ATTRIBUTE", "\"%s\" alone has no value", name);
	*ret_unknown = true;
	return NULL;
}

static const struct hcl_value *group_member(struct bake *bake, const char *name, const char *attr, struct hcl_place place)
{
	const struct bake_block *group = map_get(bake->groups, name);
	const struct hcl_attr *found = group ? hcl_attribute(group->block->body, attr) : NULL;

	if (!group)
		return bake_no_such(bake, bake->groups, "group", name, place);
	return found ? hcl_evaluate(&bake->eval, found->expr, NULL) : hcl_null();
}

static const struct hcl_value *find_member(struct hcl_eval *e, const char *root, const char *name, const char *attr,
					   struct hcl_place place, bool *ret_unknown)
{
	struct bake *bake = bake_of(e);
	const struct hcl_value *value = NULL, *found;
	size_t key = 0, complaints = diags_count(bake->diags);

	*ret_unknown = (strcmp(root, "target") != 0 && strcmp(root, "group") != 0) || map_get(bake->variables, root);
	if (*ret_unknown)
		return NULL;
	if (*root == 'g')
		return group_member(bake, name, attr, place);
	if (!map_get(bake->blocks, name))
		return bake_no_such(bake, bake->blocks, "target", name, place);
	if (!strcmp(attr, "name"))
		return hcl_string(e->heap, name);
	while (key < BAKE_KEYS && strcmp(bake_keys[key].name, attr) != 0)
		key++;
	if (key == BAKE_KEYS)
		return hcl_fail(e, place, NULL, "a target has no attribute \"%s\"", attr);
	for (struct bake_block *block = map_get(bake->blocks, name); block; block = block->next) {
		if (block->states[key] == BAKE_OPEN)
			return hcl_fail(e, place, NULL, "\"target.%s.%s\" needs its own value", name, attr);
		found = bake_block_value(bake, block, (enum bake_key)key);
		value = found ? found : value;
	}
	if (diags_count(bake->diags) > complaints)
		return NULL;
	return value ? value : hcl_null();
}

static const struct hcl_value *call_function(struct hcl_eval *e, const char *name, const struct hcl_value *const *args,
					     size_t len, struct hcl_place place, bool *ret_unknown)
{
	struct bake_function *function = map_get(bake_of(e)->functions, name);
	const struct hcl_local *locals = NULL;
	const struct hcl_value *value;
	struct hcl_local *all;

	*ret_unknown = !function;
	if (!function)
		return NULL;
	if (len < function->params_len || (len > function->params_len && !function->rest))
		return hcl_fail(e, place, NULL, "%s() takes %zu arguments, not %zu", name, function->params_len, len);
	if (function->active)
		return hcl_fail(e, place, NULL, "the function \"%s\" calls itself", name);
	all = arena_array(e->heap->arena, function->params_len + 1, sizeof(*all));
	for (size_t i = 0; i < function->params_len; i++) {
		all[i] = (struct hcl_local){ locals, function->params[i], args[i] };
		locals = &all[i];
	}
	if (function->rest) {
		value = hcl_sequence(e->heap, HCL_TUPLE, args + function->params_len, len - function->params_len);
		all[function->params_len] = (struct hcl_local){ locals, function->rest, value };
		locals = &all[function->params_len];
	}
	function->active = true;
	value = hcl_evaluate(e, function->result, locals);
	function->active = false;
	return value;
}

static const char *bake_nearest(struct hcl_eval *e, const char *name, bool function)
{
	const struct map *map = function ? bake_of(e)->functions : bake_of(e)->variables;
	size_t room = map_len(map) + (function ? hcl_function_names(NULL, 0) : 2), len = map_len(map);
	const char **names = arena_array(e->heap->arena, room, sizeof(*names));

	for (size_t i = 0; i < len; i++)
		names[i] = map_key(map, i);
	if (function) {
		hcl_function_names(names + len, room - len);
	} else {
		names[len] = "BAKE_LOCAL_PLATFORM";
		names[len + 1] = "BAKE_CMD_CONTEXT";
	}
	return text_nearest(name, names, room);
}

const struct hcl_names bake_hcl_names = { bake_find_variable, find_member, call_function, bake_nearest };

static void check_rule(struct bake *bake, const struct bake_variable *variable, const struct hcl_block *rule)
{
	const struct hcl_attr *condition = hcl_attribute(rule->body, "condition");
	const struct hcl_attr *message = hcl_attribute(rule->body, "error_message");
	const struct hcl_value *value, *text;
	bool truth;

	if (!condition || !message) {
		hcl_fail(&bake->eval, rule->place, NULL, "a validation needs \"condition\" and \"error_message\"");
		return;
	}
	value = hcl_evaluate(&bake->eval, condition->expr, NULL);
	if (!value || !hcl_to_bool(&bake->eval, value, condition->expr->place, &truth) || truth)
		return;
	text = hcl_evaluate(&bake->eval, message->expr, NULL);
	if (text)
		hcl_fail(&bake->eval, condition->expr->place, NULL, "the variable \"%s\" is not valid: %s",
			 variable->name, text->kind == HCL_STRING ? text->text : "it does not meet this condition");
}

void bake_check_variables(struct bake *bake)
{
	for (size_t i = 0; i < map_len(bake->variables); i++)
		bake_variable_value(bake, map_value(bake->variables, i));
	for (size_t i = 0; i < map_len(bake->variables); i++) {
		const struct bake_variable *variable = map_value(bake->variables, i);

		for (size_t j = 0; variable->body && variable->value && j < variable->body->blocks_len; j++) {
			const struct hcl_block *block = &variable->body->blocks[j];

			if (!strcmp(block->type, "validation"))
				check_rule(bake, variable, block);
			else
				hcl_fail(&bake->eval, block->place, NULL, "a variable has no block \"%s\"", block->type);
		}
	}
}
