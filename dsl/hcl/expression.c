#include "config.h"

#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "dsl/hcl/cursor.h"
#include "dsl/hcl/expression.h"
#include "dsl/hcl/template.h"

struct hcl_expr *hcl_expr_new(struct hcl_cursor *c, enum hcl_expr_kind kind, size_t at)
{
	struct hcl_expr *expr = arena_alloc(c->heap->arena, sizeof(*expr));

	expr->kind = kind;
	expr->place = hcl_cursor_place(c, at);
	return expr;
}

const char *hcl_expr_keyword(const struct hcl_expr *expr)
{
	return expr->kind == HCL_EXPR_NAME ? expr->name : NULL;
}

static const struct hcl_expr *literal(struct hcl_cursor *c, size_t at, const struct hcl_value *value)
{
	struct hcl_expr *expr = hcl_expr_new(c, HCL_EXPR_LITERAL, at);

	expr->value = hcl_placed(c->heap, value, expr->place);
	return expr;
}

static const struct hcl_expr *parse_digits(struct hcl_cursor *c)
{
	size_t at = c->at, len = strspn(c->text + at, "0123456789");
	const char *text = c->text + at;
	cleanup_free char *digits = NULL;
	long double number;

	if (text[len] == '.' && strspn(text + len + 1, "0123456789"))
		len += 1 + strspn(text + len + 1, "0123456789");
	if (text[len] == 'e' || text[len] == 'E') {
		size_t sign = text[len + 1] == '-' || text[len + 1] == '+';

		if (strspn(text + len + 1 + sign, "0123456789"))
			len += 1 + sign + strspn(text + len + 1 + sign, "0123456789");
	}
	digits = mem_strndup(text, len);
	if (!hcl_number_parse(digits, &number))
		return hcl_complain(c, at, NULL, "the number is too large");
	c->at += len;
	return literal(c, at, hcl_number(c->heap, number));
}

/* Items up to `close`, separated by commas, where newlines do not count. */
static bool parse_items(struct hcl_cursor *c, const char *close, bool *ret_expand)
{
	bool good = true;

	c->inside++;
	while (good && !hcl_take(c, close)) {
		const struct hcl_expr *item = hcl_parse_expression(c);

		good = item != NULL;
		if (!good)
			break;
		hcl_push(c, item);
		if (ret_expand && hcl_take(c, "...")) {
			*ret_expand = true;
			good = hcl_take(c, close) || hcl_expected(c, "\")\"");
			break;
		}
		if (hcl_take(c, ","))
			continue;
		good = hcl_take(c, close) || hcl_expected(c, *close == ')' ? "\",\" or \")\"" : "\",\" or \"]\"");
		break;
	}
	c->inside--;
	return good;
}

static const struct hcl_expr *parse_call(struct hcl_cursor *c, const char *name, size_t at)
{
	struct hcl_expr *expr = hcl_expr_new(c, HCL_EXPR_CALL, at);
	size_t first = c->open_len;

	expr->name = name;
	if (!parse_items(c, ")", &expr->expand))
		return NULL;
	expr->items = hcl_pop(c, first, &expr->len);
	return expr;
}

bool hcl_parse_for(struct hcl_cursor *c, struct hcl_expr *expr)
{
	hcl_peek(c);
	expr->name = hcl_take_name(c);
	if (expr->name && hcl_take(c, ",")) {
		expr->key = expr->name;
		hcl_peek(c);
		expr->name = hcl_take_name(c);
	}
	if (!expr->name)
		return hcl_expected(c, "the name of a variable");
	if (!hcl_take_keyword(c, "in"))
		return hcl_expected(c, "\"in\"");
	expr->a = hcl_parse_expression(c);
	return expr->a != NULL;
}

/* Behind "[for" or "{for". */
static const struct hcl_expr *parse_for(struct hcl_cursor *c, size_t at, bool object)
{
	struct hcl_expr *expr = hcl_expr_new(c, HCL_EXPR_FOR, at);
	size_t first = c->open_len;

	if (!hcl_parse_for(c, expr) || (!hcl_take(c, ":") && !hcl_expected(c, "\":\"")))
		return NULL;
	expr->c = hcl_parse_expression(c);
	if (expr->c && object) {
		expr->b = expr->c;
		if (!hcl_take(c, "=>"))
			return hcl_expected(c, "\"=>\"");
		expr->c = hcl_parse_expression(c);
	}
	if (!expr->c)
		return NULL;
	expr->expand = object && hcl_take(c, "...");
	if (hcl_take_keyword(c, "if")) {
		const struct hcl_expr *condition = hcl_parse_expression(c);

		if (!condition)
			return NULL;
		hcl_push(c, condition);
	}
	expr->items = hcl_pop(c, first, &expr->len);
	if (!hcl_take(c, object ? "}" : "]"))
		return hcl_expected(c, object ? "\"}\"" : "\"]\"");
	return expr;
}

static const struct hcl_expr *parse_tuple(struct hcl_cursor *c)
{
	struct hcl_expr *expr = hcl_expr_new(c, HCL_EXPR_TUPLE, c->at++);
	size_t first = c->open_len;
	const struct hcl_expr *found;

	c->inside++;
	if (hcl_take_keyword(c, "for")) {
		found = parse_for(c, expr->place.at, false);
		c->inside--;
		return found;
	}
	c->inside--;
	if (!parse_items(c, "]", NULL))
		return NULL;
	expr->items = hcl_pop(c, first, &expr->len);
	return expr;
}

/* A name before "=" or ":" stands for itself. */
static const struct hcl_expr *parse_object_key(struct hcl_cursor *c)
{
	size_t at = c->at;
	const char *name = hcl_take_name(c);

	if (name) {
		char next = hcl_peek(c);

		if ((next == '=' && c->text[c->at + 1] != '=') || next == ':')
			return literal(c, at, hcl_string(c->heap, name));
		c->at = at;
	}
	return hcl_parse_expression(c);
}

static bool parse_object_item(struct hcl_cursor *c)
{
	const struct hcl_expr *key = parse_object_key(c), *value;

	if (!key)
		return false;
	if (!hcl_take(c, "=") && !hcl_take(c, ":"))
		return hcl_expected(c, "\"=\" or \":\"");
	value = hcl_parse_expression(c);
	if (!value)
		return false;
	hcl_push(c, key);
	hcl_push(c, value);
	return true;
}

/* Items end at a comma or a newline, so newlines count in an object. */
static const struct hcl_expr *parse_object(struct hcl_cursor *c)
{
	struct hcl_expr *expr = hcl_expr_new(c, HCL_EXPR_OBJECT, c->at++);
	size_t first = c->open_len;
	unsigned inside = c->inside;
	char next;

	c->inside = 1;
	if (hcl_take_keyword(c, "for")) {
		const struct hcl_expr *found = parse_for(c, expr->place.at, true);

		c->inside = inside;
		return found;
	}
	c->inside = 0;
	while (hcl_peek_line(c) != '}') {
		if (!parse_object_item(c))
			return NULL;
		next = hcl_peek(c);
		if (next == ',')
			c->at++;
		else if (next != '\n' && next != '\r' && next != '}')
			return hcl_expected(c, "a comma, a newline or \"}\"");
	}
	c->at++;
	c->inside = inside;
	expr->items = hcl_pop(c, first, &expr->len);
	return expr;
}

static const struct hcl_expr *parse_word(struct hcl_cursor *c)
{
	size_t at = c->at;
	const char *name = hcl_take_name(c);
	struct hcl_expr *expr;

	if (hcl_peek(c) == '(') {
		c->at++;
		return parse_call(c, name, at);
	}
	if (!strcmp(name, "true") || !strcmp(name, "false"))
		return literal(c, at, hcl_bool(*name == 't'));
	if (!strcmp(name, "null"))
		return literal(c, at, hcl_null());
	expr = hcl_expr_new(c, HCL_EXPR_NAME, at);
	expr->name = name;
	return expr;
}

static const struct hcl_expr *parse_term(struct hcl_cursor *c)
{
	char next = hcl_peek(c);

	if (next == '"')
		return hcl_parse_quoted(c);
	if (next >= '0' && next <= '9')
		return parse_digits(c);
	if (next == '[')
		return parse_tuple(c);
	if (next == '{')
		return parse_object(c);
	if (next == '<' && c->text[c->at + 1] == '<')
		return hcl_parse_heredoc(c);
	if (hcl_is_name_start(next))
		return parse_word(c);
	if (next == '(') {
		const struct hcl_expr *expr;

		c->at++;
		c->inside++;
		expr = hcl_parse_expression(c);
		if (expr && !hcl_take(c, ")"))
			expr = hcl_expected(c, "\")\"");
		c->inside--;
		return expr;
	}
	if (next == '\'')
		return hcl_complain(c, c->at, "write it in double quotes", "a text in single quotes is not HCL");
	return hcl_expected(c, "a value");
}

static struct hcl_expr *follow(struct hcl_cursor *c, enum hcl_expr_kind kind, const struct hcl_expr *from, size_t at)
{
	struct hcl_expr *expr = hcl_expr_new(c, kind, at);

	expr->a = from;
	return expr;
}

/* ".name", ".0" behind a value; the cursor is behind the dot. */
static const struct hcl_expr *parse_member(struct hcl_cursor *c, const struct hcl_expr *from)
{
	size_t at = c->at, len = strspn(c->text + c->at, "0123456789");
	struct hcl_expr *expr;
	const char *name;

	if (len) {
		cleanup_free char *digits = mem_strndup(c->text + at, len);

		expr = follow(c, HCL_EXPR_INDEX, from, at);
		c->at += len;
		expr->b = literal(c, at, hcl_number(c->heap, strtold(digits, NULL)));
		return expr;
	}
	name = hcl_take_name(c);
	if (!name)
		return hcl_expected(c, "the name of an attribute");
	expr = follow(c, HCL_EXPR_ATTR, from, at);
	expr->name = name;
	return expr;
}

static const struct hcl_expr *parse_subscript(struct hcl_cursor *c, const struct hcl_expr *from, size_t at)
{
	struct hcl_expr *expr = follow(c, HCL_EXPR_INDEX, from, at);

	c->inside++;
	expr->b = hcl_parse_expression(c);
	if (expr->b && !hcl_take(c, "]"))
		expr->b = hcl_expected(c, "\"]\"");
	c->inside--;
	return expr->b ? expr : NULL;
}

static const struct hcl_expr *parse_traversal(struct hcl_cursor *c, const struct hcl_expr *expr);

/* What follows is done with each item: behind ".*" only names, behind "[*]" everything. */
static const struct hcl_expr *parse_splat(struct hcl_cursor *c, const struct hcl_expr *from, size_t at, bool full)
{
	struct hcl_expr *expr = follow(c, HCL_EXPR_SPLAT, from, at), *item = hcl_expr_new(c, HCL_EXPR_NAME, at);

	item->name = "";
	expr->b = item;
	if (full) {
		if (!hcl_enter(c))
			return NULL;
		expr->b = parse_traversal(c, item);
		c->depth--;
	}
	while (!full && expr->b && c->text[c->at] == '.' && c->text[c->at + 1] != '*' && c->text[c->at + 1] != '.') {
		c->at++;
		expr->b = parse_member(c, expr->b);
	}
	return expr->b ? expr : NULL;
}

/* What follows a value: ".name", "[index]", ".*", "[*]". */
static const struct hcl_expr *parse_traversal(struct hcl_cursor *c, const struct hcl_expr *expr)
{
	while (expr) {
		size_t at;
		char next = hcl_peek(c);

		at = c->at;
		if (next == '.' && c->text[at + 1] != '.') {
			c->at++;
			if (c->text[c->at] == '*') {
				c->at++;
				expr = parse_splat(c, expr, at, false);
			} else {
				expr = parse_member(c, expr);
			}
		} else if (next == '[') {
			c->at++;
			if (c->text[c->at] == '*' && c->text[c->at + 1] == ']') {
				c->at += 2;
				expr = parse_splat(c, expr, at, true);
			} else {
				expr = parse_subscript(c, expr, at);
			}
		} else {
			break;
		}
	}
	return expr;
}

static const struct hcl_expr *parse_unary(struct hcl_cursor *c)
{
	char next = hcl_peek(c);
	struct hcl_expr *expr;

	if (next != '-' && next != '!')
		return parse_traversal(c, parse_term(c));
	expr = hcl_expr_new(c, HCL_EXPR_UNARY, c->at++);
	expr->op = next == '-' ? HCL_NEGATE : HCL_NOT;
	if (!hcl_enter(c))
		return NULL;
	expr->a = parse_unary(c);
	c->depth--;
	return expr->a ? expr : NULL;
}

struct hcl_operator_word {
	const char *word;
	enum hcl_operator op;
	int level; /* higher ones bind more tightly */
};

static const struct hcl_operator_word *peek_operator(struct hcl_cursor *c)
{
	static const struct hcl_operator_word words[] = {
		{ "||", HCL_OR, 1 },         { "&&", HCL_AND, 2 },           { "==", HCL_EQUAL, 3 },
		{ "!=", HCL_UNEQUAL, 3 },    { ">=", HCL_GREATER_EQUAL, 4 }, { ">", HCL_GREATER, 4 },
		{ "<=", HCL_LESS_EQUAL, 4 }, { "<", HCL_LESS, 4 },           { "+", HCL_ADD, 5 },
		{ "-", HCL_SUBTRACT, 5 },    { "*", HCL_MULTIPLY, 6 },       { "/", HCL_DIVIDE, 6 },
		{ "%", HCL_MODULO, 6 },
	};
	char next = hcl_peek(c);

	for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++)
		if (words[i].word[0] == next && (!words[i].word[1] || words[i].word[1] == c->text[c->at + 1]))
			return &words[i];
	return NULL;
}

static const struct hcl_expr *parse_binary(struct hcl_cursor *c, int level)
{
	const struct hcl_expr *left = parse_unary(c);
	const struct hcl_operator_word *word;

	while (left && (word = peek_operator(c)) && word->level >= level) {
		struct hcl_expr *expr = hcl_expr_new(c, HCL_EXPR_BINARY, c->at);

		c->at += strlen(word->word);
		expr->op = word->op;
		expr->a = left;
		expr->b = parse_binary(c, word->level + 1);
		left = expr->b ? expr : NULL;
	}
	return left;
}

static const struct hcl_expr *parse_condition(struct hcl_cursor *c)
{
	const struct hcl_expr *test = parse_binary(c, 1);
	struct hcl_expr *expr;

	if (!test || !hcl_take(c, "?"))
		return test;
	expr = hcl_expr_new(c, HCL_EXPR_CONDITION, c->at - 1);
	expr->a = test;
	expr->b = hcl_parse_expression(c);
	if (!expr->b)
		return NULL;
	if (!hcl_take(c, ":"))
		return hcl_expected(c, "\":\"");
	expr->c = hcl_parse_expression(c);
	return expr->c ? expr : NULL;
}

const struct hcl_expr *hcl_parse_expression(struct hcl_cursor *c)
{
	const struct hcl_expr *expr;

	if (!hcl_enter(c))
		return NULL;
	expr = parse_condition(c);
	c->depth--;
	return expr;
}
