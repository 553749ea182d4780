#include "config.h"

#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/mem.h"
#include "base/text.h"
#include "dsl/hcl/cursor.h"
#include "dsl/hcl/expression.h"
#include "dsl/hcl/template.h"

enum part_kind { PART_TEXT, PART_VALUE, PART_IF, PART_ELSE, PART_ENDIF, PART_FOR, PART_ENDFOR };

/* A piece of a template, before its directives are put together. */
struct part {
	enum part_kind kind;
	size_t at;
	struct buf text;
	struct hcl_expr *expr;          /* PART_FOR, without its items */
	const struct hcl_expr *operand; /* PART_VALUE, PART_IF */
};

struct parts {
	struct part *items;
	size_t len, cap, next;
	bool trim; /* the next text loses the blanks it begins with */
};

static struct part *add_part(struct parts *parts, enum part_kind kind, size_t at)
{
	struct part *part;

	mem_reserve(&parts->items, &parts->cap, parts->len + 1, sizeof(*parts->items));
	part = &parts->items[parts->len++];
	*part = (struct part){ .kind = kind, .at = at };
	return part;
}

static void parts_free(struct parts *parts)
{
	for (size_t i = 0; i < parts->len; i++)
		buf_free(&parts->items[i].text);
	free(parts->items);
}

static bool is_blank(char c)
{
	return c == ' ' || (c >= '\t' && c <= '\r');
}

static size_t count_blanks(const struct buf *text)
{
	size_t len = 0;

	while (len < text->len && is_blank(text->data[len]))
		len++;
	return len;
}

static void drop_front(struct buf *text, size_t len)
{
	memmove(text->data, text->data + len, text->len - len);
	text->len -= len;
}

/* Ends a text: "~}" before it takes the blanks that it begins with. */
static void end_text(struct parts *parts, struct part *part)
{
	if (parts->trim && part->text.len)
		drop_front(&part->text, count_blanks(&part->text));
	parts->trim = false;
}

/* "${~" takes the blanks before it. */
static void trim_before(struct parts *parts)
{
	struct part *last = parts->len ? &parts->items[parts->len - 1] : NULL;

	while (last && last->kind == PART_TEXT && last->text.len && is_blank(last->text.data[last->text.len - 1]))
		last->text.len--;
}

static bool parse_directive_for(struct hcl_cursor *c, struct part *part)
{
	struct hcl_expr *expr = hcl_expr_new(c, HCL_EXPR_FOR, part->at);

	expr->joined = true;
	part->expr = expr;
	return hcl_parse_for(c, expr);
}

static bool parse_directive(struct hcl_cursor *c, struct parts *parts, size_t at)
{
	static const char *const words[] = { "if", "else", "endif", "for", "endfor" };
	static const enum part_kind kinds[] = { PART_IF, PART_ELSE, PART_ENDIF, PART_FOR, PART_ENDFOR };
	enum { WORDS = sizeof(words) / sizeof(words[0]) };
	const char *name, *nearest;
	struct part *part;
	size_t i = 0, place;

	hcl_peek(c);
	place = c->at;
	name = hcl_take_name(c);
	if (!name)
		return hcl_expected(c, "\"if\" or \"for\"");
	while (i < WORDS && strcmp(words[i], name) != 0)
		i++;
	if (i == WORDS) {
		nearest = text_nearest(name, words, WORDS);
		return hcl_complain(c, place,
				    nearest ? arena_printf(c->heap->arena, "did you mean \"%s\"?", nearest)
					    : "a literal \"%{\" is written \"%%{\"",
				    "unknown directive \"%s\" in a template", name);
	}
	part = add_part(parts, kinds[i], at);
	if (kinds[i] == PART_FOR)
		return parse_directive_for(c, part);
	if (kinds[i] != PART_IF)
		return true;
	part->operand = hcl_parse_expression(c);
	return part->operand != NULL;
}

/* "${ ... }" or "%{ ... }" at the cursor. */
static bool parse_sequence(struct hcl_cursor *c, struct parts *parts)
{
	size_t at = c->at;
	bool directive = c->text[at] == '%', good;
	unsigned inside = c->inside;

	if (!hcl_enter(c))
		return false;
	c->at += 2;
	if (c->text[c->at] == '~') {
		trim_before(parts);
		c->at++;
	}
	c->inside = 1;
	if (directive) {
		good = parse_directive(c, parts, at);
	} else {
		const struct hcl_expr *expr = hcl_parse_expression(c);

		good = expr != NULL;
		if (good)
			add_part(parts, PART_VALUE, at)->operand = expr;
	}
	if (good) {
		parts->trim = hcl_take(c, "~");
		good = hcl_take(c, "}");
		if (!good)
			hcl_complain(c, c->at,
				     directive ? "a literal \"%{\" is written \"%%{\""
					       : "a literal \"${\" is written \"$${\"",
				     "\"}\" is missing here, to end what \"%c{\" begins", c->text[at]);
	}
	c->inside = inside;
	c->depth--;
	return good;
}

/* The backslash at the cursor, and what it stands for. */
static bool parse_escape(struct hcl_cursor *c, struct buf *out)
{
	static const char letters[] = "nrt\"\\", meanings[] = "\n\r\t\"\\";
	char letter = c->text[c->at + 1];
	const char *found = letter ? strchr(letters, letter) : NULL;
	size_t digits = letter == 'u' ? 4 : 8;
	char hex[9] = "";
	uint32_t rune;

	if (found) {
		buf_char(out, meanings[found - letters]);
		c->at += 2;
		return true;
	}
	if (letter != 'u' && letter != 'U')
		return hcl_complain(c, c->at, "a literal backslash is written \"\\\\\"", "unknown escape in a text");
	strncpy(hex, c->text + c->at + 2, digits);
	rune = strspn(hex, "0123456789abcdefABCDEF") == digits ? (uint32_t)strtoul(hex, NULL, 16) : 0;
	if (!rune || rune > 0x10ffff || (rune >= 0xd800 && rune < 0xe000))
		return hcl_complain(c, c->at, NULL,
				    "\"\\%c\" must be followed by the %zu hexadecimal digits of a character", letter,
				    digits);
	hcl_put_rune(out, rune);
	c->at += 2 + digits;
	return true;
}

static bool at_sequence(const struct hcl_cursor *c)
{
	char now = c->text[c->at];

	return (now == '$' || now == '%') && c->text[c->at + 1] == '{';
}

/* "$${" and "%%{" are the text "${" and "%{". */
static bool at_doubled(const struct hcl_cursor *c)
{
	char now = c->text[c->at];

	return (now == '$' || now == '%') && c->text[c->at + 1] == now && c->text[c->at + 2] == '{';
}

static void take_doubled(struct hcl_cursor *c, struct buf *out)
{
	buf_add(out, c->text + c->at + 1, 2);
	c->at += 3;
}

/* Text up to the next sequence or quote. */
static bool parse_quoted_text(struct hcl_cursor *c, struct parts *parts)
{
	struct part *part = add_part(parts, PART_TEXT, c->at);

	for (;;) {
		size_t len = strcspn(c->text + c->at, "\"\\$%\n");

		buf_add(&part->text, c->text + c->at, len);
		c->at += len;
		if (c->text[c->at] == '\\') {
			if (!parse_escape(c, &part->text))
				return false;
		} else if (at_doubled(c)) {
			take_doubled(c, &part->text);
		} else if ((c->text[c->at] == '$' || c->text[c->at] == '%') && !at_sequence(c)) {
			buf_char(&part->text, c->text[c->at++]);
		} else {
			end_text(parts, part);
			return true;
		}
	}
}

/* A line of a heredoc, or a part of one, with its newline. */
static void parse_line_text(struct hcl_cursor *c, struct parts *parts)
{
	struct part *part = add_part(parts, PART_TEXT, c->at);

	for (;;) {
		size_t len = strcspn(c->text + c->at, "$%\n");

		buf_add(&part->text, c->text + c->at, len);
		c->at += len;
		if (at_doubled(c)) {
			take_doubled(c, &part->text);
		} else if (c->text[c->at] == '\n') {
			buf_char(&part->text, c->text[c->at++]);
			break;
		} else if (!c->text[c->at] || at_sequence(c)) {
			break;
		} else {
			buf_char(&part->text, c->text[c->at++]);
		}
	}
	end_text(parts, part);
}

static const struct hcl_expr *join_parts(struct hcl_cursor *c, struct parts *parts);

/* The parts up to the directive that ends them; NULL after a complaint. */
static const struct hcl_expr *nested_parts(struct hcl_cursor *c, struct parts *parts)
{
	const struct hcl_expr *expr;

	if (!hcl_enter(c))
		return NULL;
	expr = join_parts(c, parts);
	c->depth--;
	return expr;
}

static const struct hcl_expr *unclosed(struct hcl_cursor *c, const struct part *part, const char *word)
{
	return hcl_complain(c, part->at, NULL, "this directive is not ended by \"%%{ %s }\"", word);
}

static const struct hcl_expr *join_if(struct hcl_cursor *c, struct parts *parts)
{
	size_t begin = parts->next++;
	struct hcl_expr *expr = hcl_expr_new(c, HCL_EXPR_CONDITION, parts->items[begin].at), *none;

	expr->a = parts->items[begin].operand;
	expr->b = nested_parts(c, parts);
	none = hcl_expr_new(c, HCL_EXPR_TEMPLATE, parts->items[begin].at);
	expr->c = none;
	if (expr->b && parts->next < parts->len && parts->items[parts->next].kind == PART_ELSE) {
		parts->next++;
		expr->c = nested_parts(c, parts);
	}
	if (!expr->b || !expr->c)
		return NULL;
	if (parts->next == parts->len || parts->items[parts->next].kind != PART_ENDIF)
		return unclosed(c, &parts->items[begin], "endif");
	parts->next++;
	return expr;
}

static const struct hcl_expr *join_for(struct hcl_cursor *c, struct parts *parts)
{
	size_t begin = parts->next++;
	struct hcl_expr *expr = parts->items[begin].expr;

	expr->c = nested_parts(c, parts);
	if (!expr->c)
		return NULL;
	if (parts->next == parts->len || parts->items[parts->next].kind != PART_ENDFOR)
		return unclosed(c, &parts->items[begin], "endfor");
	parts->next++;
	return expr;
}

static const struct hcl_expr *part_text(struct hcl_cursor *c, struct part *part)
{
	struct hcl_expr *expr = hcl_expr_new(c, HCL_EXPR_LITERAL, part->at);

	expr->value = hcl_placed(c->heap, hcl_text(c->heap, part->text.data ? part->text.data : "", part->text.len),
				 expr->place);
	return expr;
}

/* A template of the parts from the next one on, up to an end that is not its own. */
static const struct hcl_expr *join_parts(struct hcl_cursor *c, struct parts *parts)
{
	size_t first = c->open_len;
	struct hcl_expr *expr =
		hcl_expr_new(c, HCL_EXPR_TEMPLATE, parts->next < parts->len ? parts->items[parts->next].at : c->at);

	while (parts->next < parts->len) {
		struct part *part = &parts->items[parts->next];
		const struct hcl_expr *item;

		if (part->kind == PART_TEXT || part->kind == PART_VALUE) {
			parts->next++;
			item = part->kind == PART_TEXT ? part_text(c, part) : part->operand;
		} else if (part->kind == PART_IF) {
			item = join_if(c, parts);
		} else if (part->kind == PART_FOR) {
			item = join_for(c, parts);
		} else {
			break;
		}
		if (!item)
			return NULL;
		hcl_push(c, item);
	}
	expr->items = hcl_pop(c, first, &expr->len);
	return expr;
}

/* Neighbouring texts become one, and empty ones go. */
static void meld_texts(struct parts *parts)
{
	size_t len = 0;

	for (size_t i = 0; i < parts->len; i++) {
		struct part *part = &parts->items[i], *last = len ? &parts->items[len - 1] : NULL;

		if (part->kind == PART_TEXT && !part->text.len) {
			buf_free(&part->text);
		} else if (part->kind == PART_TEXT && last && last->kind == PART_TEXT) {
			buf_add(&last->text, part->text.data, part->text.len);
			buf_free(&part->text);
		} else {
			parts->items[len++] = *part;
		}
	}
	parts->len = len;
}

/* A single value keeps its type; a single text needs no evaluation. */
static const struct hcl_expr *finish_parts(struct hcl_cursor *c, struct parts *parts, size_t at)
{
	const struct hcl_expr *expr = NULL;
	bool value = parts->len == 1 && parts->items[0].kind == PART_VALUE;

	meld_texts(parts);
	if (value) {
		expr = parts->items[0].operand;
	} else if (!parts->len) {
		expr = part_text(c, &(struct part){ .at = at });
	} else if (parts->len == 1 && parts->items[0].kind == PART_TEXT) {
		parts->items[0].at = at;
		expr = part_text(c, &parts->items[0]);
	} else {
		expr = join_parts(c, parts);
		if (expr && parts->next < parts->len)
			expr = hcl_complain(c, parts->items[parts->next].at, NULL,
					    "this directive ends or continues none that was begun");
	}
	return expr;
}

/* The usual case: no escape and no sequence. */
static const struct hcl_expr *plain_quoted(struct hcl_cursor *c, size_t len)
{
	struct hcl_expr *expr = hcl_expr_new(c, HCL_EXPR_LITERAL, c->at);

	expr->value = hcl_placed(c->heap, hcl_text(c->heap, c->text + c->at + 1, len), expr->place);
	c->at += len + 2;
	return expr;
}

const struct hcl_expr *hcl_parse_quoted(struct hcl_cursor *c)
{
	size_t at = c->at, len = strcspn(c->text + at + 1, "\"\\$%\n");
	struct parts parts = { 0 };
	const struct hcl_expr *expr = NULL;
	bool good = true;

	if (c->text[at + 1 + len] == '"')
		return plain_quoted(c, len);
	c->at++;
	while (good && c->text[c->at] != '"') {
		if (!c->text[c->at] || c->text[c->at] == '\n') {
			hcl_complain(c, at, "a text of several lines is written as <<EOF",
				     "the text is not ended by a quote on its line");
			good = false;
		} else {
			good = at_sequence(c) ? parse_sequence(c, &parts) : parse_quoted_text(c, &parts);
		}
	}
	if (good) {
		c->at++;
		expr = finish_parts(c, &parts, at);
	}
	parts_free(&parts);
	return expr;
}

/* Removes the blanks that all lines begin with; lines of nothing else do not count. */
static void flush_lines(struct parts *parts)
{
	size_t least = SIZE_MAX;

	for (int pass = 0; pass < 2; pass++) {
		bool begins = true;

		for (size_t i = 0; i < parts->len; i++) {
			struct part *part = &parts->items[i];
			size_t blanks = part->kind == PART_TEXT ? count_blanks(&part->text) : 0;
			bool newline = part->kind == PART_TEXT && part->text.len &&
				       part->text.data[part->text.len - 1] == '\n';

			if (begins && !(newline && blanks == part->text.len)) {
				if (!pass && blanks < least)
					least = blanks;
				else if (pass && part->kind == PART_TEXT && part->text.len)
					drop_front(&part->text, least);
			}
			begins = newline;
		}
	}
}

/* True at a line that is the heredoc's end; the cursor goes behind the word. */
static bool at_end_word(struct hcl_cursor *c, const char *word)
{
	const char *line = c->text + c->at + strspn(c->text + c->at, " \t");
	size_t len = strlen(word);

	if (strncmp(line, word, len) != 0)
		return false;
	line += len;
	if (*line && *line != '\n' && !(*line == '\r' && line[1] == '\n'))
		return false;
	c->at = (size_t)(line - c->text);
	return true;
}

static bool parse_lines(struct hcl_cursor *c, struct parts *parts, const char *word, size_t at)
{
	bool first = true;

	while (!first || !at_end_word(c, word)) {
		if (!c->text[c->at])
			return hcl_complain(c, at, NULL, "no line \"%s\" ends this text", word);
		if (at_sequence(c)) {
			if (!parse_sequence(c, parts))
				return false;
			first = false;
			continue;
		}
		parse_line_text(c, parts);
		first = c->text[c->at - 1] == '\n';
	}
	return true;
}

const struct hcl_expr *hcl_parse_heredoc(struct hcl_cursor *c)
{
	size_t at = c->at;
	struct parts parts = { 0 };
	const struct hcl_expr *expr = NULL;
	const char *word;
	bool flush;

	c->at += 2;
	flush = c->text[c->at] == '-';
	c->at += flush;
	word = hcl_take_name(c);
	if (!word)
		return hcl_expected(c, "the word that ends the text");
	c->at += c->text[c->at] == '\r';
	if (c->text[c->at] != '\n')
		return hcl_complain(c, c->at, NULL, "the text must begin on the line after \"%s\"", word);
	c->at++;
	if (parse_lines(c, &parts, word, at)) {
		if (flush)
			flush_lines(&parts);
		expr = finish_parts(c, &parts, at);
	}
	parts_free(&parts);
	return expr;
}

const struct hcl_expr *hcl_parse_template(struct hcl_cursor *c)
{
	struct parts parts = { 0 };
	const struct hcl_expr *expr = NULL;
	bool good = true;

	while (good && c->text[c->at]) {
		if (at_sequence(c))
			good = parse_sequence(c, &parts);
		else
			parse_line_text(c, &parts);
	}
	if (good)
		expr = finish_parts(c, &parts, c->at);
	parts_free(&parts);
	return expr;
}
