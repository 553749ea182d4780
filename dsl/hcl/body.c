#include "config.h"

#include <stdlib.h>
#include <string.h>

#include "base/diag.h"
#include "base/mem.h"
#include "dsl/hcl/body.h"
#include "dsl/hcl/cursor.h"
#include "dsl/hcl/expression.h"
#include "dsl/hcl/template.h"

/* A body that is being read. */
struct reading_body {
	struct hcl_body *body;
	size_t attrs_cap, blocks_cap;
	struct hcl_attr *attrs;
	struct hcl_block *blocks;
};

static const struct hcl_body *parse_body(struct hcl_cursor *c, bool inner);

const struct hcl_attr *hcl_attribute(const struct hcl_body *body, const char *name)
{
	for (size_t i = 0; i < body->attrs_len; i++)
		if (!strcmp(body->attrs[i].name, name))
			return &body->attrs[i];
	return NULL;
}

/* The end of a line, or of what is on it. */
static bool expect_line_end(struct hcl_cursor *c, bool one_line)
{
	char next = hcl_peek(c);

	if (!next || next == '\n' || (one_line && next == '}'))
		return true;
	return hcl_expected(c, one_line ? "\"}\"" : "a newline");
}

static bool parse_attribute(struct hcl_cursor *c, struct reading_body *reading, const char *name, size_t at, bool one_line)
{
	struct hcl_body *body = reading->body;
	const struct hcl_attr *other;

	body->attrs = reading->attrs;
	other = hcl_attribute(body, name);
	if (other) {
		hcl_complain(c, at, NULL, "\"%s\" is set twice", name);
		diags_note(c->diags, diags_pos_at(c->diags, other->place.file, other->place.at), "first set here");
		return false;
	}
	if (body->attrs_len == HCL_ATTRS_MAX)
		return hcl_complain(c, at, NULL, "more than %d values in one block", HCL_ATTRS_MAX);
	mem_reserve(&reading->attrs, &reading->attrs_cap, body->attrs_len + 1, sizeof(*reading->attrs));
	reading->attrs[body->attrs_len] = (struct hcl_attr){ name, hcl_cursor_place(c, at), hcl_parse_expression(c) };
	return reading->attrs[body->attrs_len++].expr && expect_line_end(c, one_line);
}

/* A label: a name, or a text without anything in it that is evaluated. */
static const char *parse_label(struct hcl_cursor *c)
{
	size_t at = c->at;
	const struct hcl_expr *expr;

	if (c->text[at] != '"')
		return hcl_take_name(c);
	expr = hcl_parse_quoted(c);
	if (!expr)
		return NULL;
	if (expr->kind == HCL_EXPR_LITERAL && expr->value->kind == HCL_STRING)
		return expr->value->text;
	return hcl_complain(c, at, NULL, "the name of a block must be a text without \"${\" and \"%%{\"");
}

static bool parse_block_body(struct hcl_cursor *c, struct hcl_block *block)
{
	struct reading_body single = { .body = arena_alloc(c->heap->arena, sizeof(struct hcl_body)) };
	const char *name;
	size_t at;
	bool good;

	c->at++;
	if (hcl_peek(c) == '\n') {
		block->body = parse_body(c, true);
		return block->body != NULL;
	}
	single.body->place = hcl_cursor_place(c, c->at);
	at = c->at;
	name = hcl_take_name(c);
	if (name && !hcl_take(c, "="))
		return hcl_complain(c, at, "put each of several values on a line of its own",
				    "a block on one line holds a single NAME = VALUE");
	good = !name || parse_attribute(c, &single, name, at, true);
	if (good && !hcl_take(c, "}"))
		good = hcl_expected(c, "\"}\"");
	if (single.body->attrs_len) {
		single.body->attrs = arena_alloc(c->heap->arena, sizeof(*single.attrs));
		*single.body->attrs = *single.attrs;
	}
	free(single.attrs);
	block->body = single.body;
	return good;
}

static bool parse_block(struct hcl_cursor *c, struct reading_body *reading, const char *type, size_t at)
{
	struct hcl_block block = { .type = type, .place = hcl_cursor_place(c, at) };

	while (hcl_peek(c) == '"' || hcl_is_name_start(c->text[c->at])) {
		if (block.labels_len == HCL_LABELS_MAX)
			return hcl_expected(c, "\"{\"");
		block.label_places[block.labels_len] = hcl_cursor_place(c, c->at);
		block.labels[block.labels_len] = parse_label(c);
		if (!block.labels[block.labels_len++])
			return false;
	}
	if (hcl_peek(c) != '{')
		return hcl_expected(c, block.labels_len ? "\"{\"" : "\"=\" or \"{\"");
	if (!hcl_enter(c) || !parse_block_body(c, &block))
		return false;
	c->depth--;
	mem_reserve(&reading->blocks, &reading->blocks_cap, reading->body->blocks_len + 1, sizeof(*reading->blocks));
	reading->blocks[reading->body->blocks_len++] = block;
	return expect_line_end(c, false);
}

/* Moves what was read into the arena. */
static void keep_body(struct hcl_cursor *c, struct reading_body *reading)
{
	struct hcl_body *body = reading->body;

	body->attrs = arena_array(c->heap->arena, body->attrs_len, sizeof(*body->attrs));
	body->blocks = arena_array(c->heap->arena, body->blocks_len, sizeof(*body->blocks));
	if (body->attrs_len)
		memcpy(body->attrs, reading->attrs, body->attrs_len * sizeof(*body->attrs));
	if (body->blocks_len)
		memcpy(body->blocks, reading->blocks, body->blocks_len * sizeof(*body->blocks));
	free(reading->attrs);
	free(reading->blocks);
}

static const struct hcl_body *parse_body(struct hcl_cursor *c, bool inner)
{
	struct reading_body reading = { .body = arena_alloc(c->heap->arena, sizeof(struct hcl_body)) };
	bool good = true;
	char next;

	reading.body->place = hcl_cursor_place(c, c->at);
	while (good && (next = hcl_peek_line(c)) != 0 && !(inner && next == '}')) {
		size_t at = c->at;
		const char *name = hcl_take_name(c);

		if (!name)
			good = hcl_complain(c, at, NULL, "the name of a value or block is missing here");
		else if (hcl_peek(c) == '=' && c->text[c->at + 1] != '=')
			c->at++, good = parse_attribute(c, &reading, name, at, false);
		else
			good = parse_block(c, &reading, name, at);
	}
	keep_body(c, &reading);
	if (good && inner && !hcl_take(c, "}"))
		good = hcl_expected(c, "\"}\"");
	return good ? reading.body : NULL;
}

const struct hcl_body *hcl_parse(struct arena *arena, struct diags *diags, uint32_t file)
{
	struct hcl_heap heap = { arena, SIZE_MAX };
	struct hcl_cursor c = { .heap = &heap, .diags = diags, .file = file };
	const struct hcl_body *body;
	size_t len;

	c.text = diags_source_text(diags, file, &len);
	body = parse_body(&c, false);
	free(c.open);
	return body;
}
