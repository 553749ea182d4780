#include "config.h"

#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/diag.h"
#include "base/mem.h"
#include "dsl/hcl/body.h"
#include "dsl/hcl/cursor.h"
#include "dsl/hcl/expression.h"
#include "dsl/hcl/template.h"

static const struct hcl_expr *json_literal(struct hcl_cursor *c, size_t at, const struct hcl_value *value)
{
	struct hcl_expr *expr = hcl_expr_new(c, HCL_EXPR_LITERAL, at);

	expr->value = hcl_placed(c->heap, value, expr->place);
	return expr;
}

static bool four_digits(const char *text, uint32_t *ret)
{
	char hex[5] = "";

	strncpy(hex, text, 4);
	*ret = (uint32_t)strtoul(hex, NULL, 16);
	return strspn(hex, "0123456789abcdefABCDEF") == 4;
}

/* "\uXXXX", or two of them for one character; NUL is refused. Returns its length, 0 when it is wrong. */
static size_t take_unicode(const char *text, struct buf *out)
{
	uint32_t rune, low;

	if (!four_digits(text + 2, &rune) || !rune || (rune >= 0xdc00 && rune < 0xe000))
		return 0;
	if (rune < 0xd800 || rune >= 0xe000) {
		hcl_put_rune(out, rune);
		return 6;
	}
	if (text[6] != '\\' || text[7] != 'u' || !four_digits(text + 8, &low) || low < 0xdc00 || low >= 0xe000)
		return 0;
	hcl_put_rune(out, 0x10000 + ((rune - 0xd800) << 10) + (low - 0xdc00));
	return 12;
}

/* Replaces the escapes; the text becomes no longer by that. */
static bool json_unescape(char *text)
{
	static const char letters[] = "nrtbf\"\\/", meanings[] = "\n\r\t\b\f\"\\/";
	struct buf out cleanup_buf = { 0 };

	for (const char *from = text; *from;) {
		const char *found = *from == '\\' && from[1] ? strchr(letters, from[1]) : NULL;
		size_t len = found ? 2 : 1;

		if (found)
			buf_char(&out, meanings[found - letters]);
		else if (*from != '\\')
			buf_char(&out, *from);
		else
			len = from[1] == 'u' ? take_unicode(from, &out) : 0;
		if (!len)
			return false;
		from += len;
	}
	memcpy(text, out.data, out.len + 1);
	return true;
}

/* The text in quotes at the cursor, without its escapes; NULL after a complaint. */
static const char *json_string(struct hcl_cursor *c)
{
	size_t at = c->at, len = 1;
	char *text;

	while (c->text[at + len] && c->text[at + len] != '"' && c->text[at + len] != '\n')
		len += c->text[at + len] == '\\' && c->text[at + len + 1] ? 2 : 1;
	if (c->text[at + len] != '"')
		return hcl_complain(c, at, NULL, "the text is not ended by a quote on its line");
	c->at += len + 1;
	text = arena_strndup(c->heap->arena, c->text + at + 1, len - 1);
	if (!memchr(text, '\\', len - 1) || json_unescape(text))
		return text;
	return hcl_complain(c, at, NULL, "an escape in the text is not JSON");
}

static const struct hcl_expr *json_template(struct hcl_cursor *c, size_t at, const char *text)
{
	struct hcl_cursor inner = *c;
	const struct hcl_expr *expr;

	if (c->plain || (!strstr(text, "${") && !strstr(text, "%{")))
		return json_literal(c, at, hcl_string(c->heap, text));
	inner.text = text;
	inner.at = inner.inside = 0;
	inner.place = hcl_cursor_place(c, at);
	inner.fixed = true;
	expr = hcl_parse_template(&inner);
	c->open = inner.open;
	c->open_len = inner.open_len;
	c->open_cap = inner.open_cap;
	return expr;
}

static const struct hcl_expr *json_text_value(struct hcl_cursor *c)
{
	size_t at = c->at;
	const char *text = json_string(c);

	return text ? json_template(c, at, text) : NULL;
}

static const struct hcl_expr *json_array(struct hcl_cursor *c)
{
	struct hcl_expr *expr = hcl_expr_new(c, HCL_EXPR_TUPLE, c->at++);
	size_t first = c->open_len;

	if (!hcl_take(c, "]")) {
		do {
			const struct hcl_expr *item = hcl_parse_json_value(c);

			if (!item)
				return NULL;
			hcl_push(c, item);
		} while (hcl_take(c, ","));
		if (!hcl_take(c, "]"))
			return hcl_expected(c, "\",\" or \"]\"");
	}
	expr->items = hcl_pop(c, first, &expr->len);
	return expr;
}

static const struct hcl_expr *json_object(struct hcl_cursor *c)
{
	struct hcl_expr *expr = hcl_expr_new(c, HCL_EXPR_OBJECT, c->at++);
	size_t first = c->open_len;

	if (!hcl_take(c, "}")) {
		do {
			const struct hcl_expr *key = hcl_peek(c) == '"' ? json_text_value(c)
									: hcl_expected(c, "a name in quotes"),
					      *value;

			if (!key)
				return NULL;
			if (!hcl_take(c, ":"))
				return hcl_expected(c, "\":\"");
			value = hcl_parse_json_value(c);
			if (!value)
				return NULL;
			hcl_push(c, key);
			hcl_push(c, value);
		} while (hcl_take(c, ","));
		if (!hcl_take(c, "}"))
			return hcl_expected(c, "\",\" or \"}\"");
	}
	expr->items = hcl_pop(c, first, &expr->len);
	return expr;
}

static const struct hcl_expr *json_number_value(struct hcl_cursor *c)
{
	size_t at = c->at, len = strspn(c->text + at, "+-.0123456789eE");
	cleanup_free char *digits = mem_strndup(c->text + at, len);
	long double number;

	if (!hcl_number_parse(digits, &number))
		return hcl_expected(c, "a value");
	c->at += len;
	return json_literal(c, at, hcl_number(c->heap, number));
}

static const struct hcl_expr *json_inner(struct hcl_cursor *c)
{
	char next = hcl_peek(c);
	size_t at = c->at;

	if (next == '"')
		return json_text_value(c);
	if (next == '[')
		return json_array(c);
	if (next == '{')
		return json_object(c);
	if (hcl_take_keyword(c, "true"))
		return json_literal(c, at, hcl_bool(true));
	if (hcl_take_keyword(c, "false"))
		return json_literal(c, at, hcl_bool(false));
	if (hcl_take_keyword(c, "null"))
		return json_literal(c, at, hcl_null());
	return json_number_value(c);
}

const struct hcl_expr *hcl_parse_json_value(struct hcl_cursor *c)
{
	const struct hcl_expr *expr;

	if (!hcl_enter(c))
		return NULL;
	expr = json_inner(c);
	c->depth--;
	return expr;
}

/* A body that is being made of an object. */
struct json_making {
	struct hcl_cursor *c;
	const struct hcl_json_schema *schema;
	struct hcl_body *body;
	size_t blocks_cap;
	struct hcl_block *blocks;
};

static const struct hcl_body *make_body(struct hcl_cursor *c, const struct hcl_expr *object,
					const struct hcl_json_schema *schema);

static void *wrong_shape(struct hcl_cursor *c, const struct hcl_expr *expr, const char *type)
{
	diags_add(c->diags, diags_pos_at(c->diags, expr->place.file, expr->place.at), NULL,
		  "\"%s\" must be an object, or a list of objects", type);
	return NULL;
}

static const char *key_name(const struct hcl_expr *key)
{
	return key->kind == HCL_EXPR_LITERAL ? key->value->text : NULL;
}

/* The blocks that a member stands for: below its labels, one object or several. */
static bool make_blocks(struct json_making *making, const struct hcl_json_schema *type, struct hcl_block block,
			const struct hcl_expr *expr)
{
	if (expr->kind == HCL_EXPR_TUPLE) {
		for (size_t i = 0; i < expr->len; i++)
			if (!make_blocks(making, type, block, expr->items[i]))
				return false;
		return true;
	}
	if (expr->kind != HCL_EXPR_OBJECT)
		return wrong_shape(making->c, expr, type->type);
	if (block.labels_len == type->labels) {
		block.body = make_body(making->c, expr, type->inner);
		mem_reserve(&making->blocks, &making->blocks_cap, making->body->blocks_len + 1, sizeof(block));
		making->blocks[making->body->blocks_len++] = block;
		return block.body != NULL;
	}
	for (size_t i = 0; i < expr->len; i += 2) {
		struct hcl_block labelled = block;

		labelled.labels[block.labels_len] = key_name(expr->items[i]);
		labelled.label_places[labelled.labels_len++] = expr->items[i]->place;
		if (!key_name(expr->items[i]))
			return wrong_shape(making->c, expr->items[i], type->type);
		if (!make_blocks(making, type, labelled, expr->items[i + 1]))
			return false;
	}
	return true;
}

static bool make_member(struct json_making *making, const struct hcl_expr *key, const struct hcl_expr *value)
{
	const char *name = key_name(key);
	const struct hcl_json_schema *type = making->schema;
	struct hcl_body *body = making->body;

	if (!name)
		return wrong_shape(making->c, key, "a name");
	while (type && type->type && strcmp(type->type, name) != 0)
		type++;
	if (type && type->type)
		return make_blocks(making, type, (struct hcl_block){ .type = type->type, .place = key->place }, value);
	if (body->attrs_len == HCL_ATTRS_MAX)
		return hcl_complain(making->c, key->place.at, NULL, "more than %d values in one object", HCL_ATTRS_MAX);
	for (size_t i = 0; i < body->attrs_len; i++) {
		if (strcmp(body->attrs[i].name, name) != 0)
			continue;
		diags_add(making->c->diags, diags_pos_at(making->c->diags, key->place.file, key->place.at), NULL,
			  "\"%s\" is set twice", name);
		return false;
	}
	body->attrs[body->attrs_len++] = (struct hcl_attr){ name, key->place, value };
	return true;
}

static const struct hcl_body *make_body(struct hcl_cursor *c, const struct hcl_expr *object,
					const struct hcl_json_schema *schema)
{
	struct json_making making = { .c = c, .schema = schema };
	struct hcl_body *body = arena_alloc(c->heap->arena, sizeof(*body));
	bool good = true;

	making.body = body;
	body->place = object->place;
	body->attrs = arena_array(c->heap->arena, object->len / 2, sizeof(*body->attrs));
	for (size_t i = 0; i < object->len && good; i += 2) {
		const char *name = key_name(object->items[i]);

		if (!name || strcmp(name, "//") != 0) /* a comment */
			good = make_member(&making, object->items[i], object->items[i + 1]);
	}
	body->blocks = arena_array(c->heap->arena, body->blocks_len, sizeof(*body->blocks));
	if (body->blocks_len)
		memcpy(body->blocks, making.blocks, body->blocks_len * sizeof(*body->blocks));
	free(making.blocks);
	return good ? body : NULL;
}

const struct hcl_body *hcl_parse_json(struct arena *arena, struct diags *diags, uint32_t file,
				      const struct hcl_json_schema *schema)
{
	struct hcl_heap heap = { arena, SIZE_MAX };
	struct hcl_cursor c = { .heap = &heap, .diags = diags, .file = file, .inside = 1 };
	const struct hcl_expr *expr;
	const struct hcl_body *body = NULL;
	size_t len;

	c.text = diags_source_text(diags, file, &len);
	expr = hcl_parse_json_value(&c);
	if (expr && hcl_peek(&c))
		expr = hcl_expected(&c, "the end of the file");
	if (expr && expr->kind != HCL_EXPR_OBJECT)
		expr = wrong_shape(&c, expr, "the file");
	if (expr)
		body = make_body(&c, expr, schema);
	free(c.open);
	return body;
}

const struct hcl_value *hcl_json_literal(struct hcl_heap *heap, const struct hcl_expr *expr)
{
	bool object = expr->kind == HCL_EXPR_OBJECT;
	const struct hcl_value **items;
	const char **keys;

	if (expr->kind == HCL_EXPR_LITERAL)
		return expr->value;
	items = arena_array(heap->arena, expr->len, sizeof(*items));
	keys = arena_array(heap->arena, expr->len, sizeof(*keys));
	for (size_t i = 0; i < expr->len; i += object ? 2 : 1) {
		items[object ? i / 2 : i] = hcl_json_literal(heap, expr->items[object ? i + 1 : i]);
		if (object)
			keys[i / 2] = expr->items[i]->value->text;
	}
	return object ? hcl_mapping(heap, HCL_OBJECT, keys, items, expr->len / 2)
		      : hcl_sequence(heap, HCL_TUPLE, items, expr->len);
}
