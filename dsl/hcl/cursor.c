#include "config.h"

#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "base/diag.h"
#include "base/mem.h"
#include "base/text.h"
#include "dsl/hcl/cursor.h"

struct hcl_place hcl_cursor_place(const struct hcl_cursor *c, size_t at)
{
	return c->fixed ? c->place : (struct hcl_place){ c->file, (uint32_t)at };
}

void *hcl_complain(struct hcl_cursor *c, size_t at, const char *hint, const char *fmt, ...)
{
	struct hcl_place place = hcl_cursor_place(c, at);
	cleanup_free char *text = NULL;
	va_list args;

	if (!c->diags)
		return NULL;
	va_start(args, fmt);
	text = mem_vprintf(fmt, args);
	va_end(args);
	diags_add(c->diags, diags_pos_at(c->diags, place.file, place.at), hint, "%s", text);
	return NULL;
}

void *hcl_expected(struct hcl_cursor *c, const char *what)
{
	char next = hcl_peek(c);
	uint32_t rune;
	size_t len;

	if (!next)
		return hcl_complain(c, c->at, NULL, "%s is missing before the end", what);
	if (next == '\n' || next == '\r')
		return hcl_complain(c, c->at, NULL, "%s is missing before the end of the line", what);
	len = text_rune(c->text + c->at, strlen(c->text + c->at), &rune);
	if (hcl_is_name_start(next))
		for (len = 0; hcl_is_name_start(c->text[c->at + len]) && len < 40;)
			len++;
	return hcl_complain(c, c->at, NULL, "%s is missing before \"%.*s\"", what, (int)len, c->text + c->at);
}

static void skip_comment(struct hcl_cursor *c)
{
	const char *end;

	if (c->text[c->at + 1] == '*' && c->text[c->at] == '/') {
		end = strstr(c->text + c->at + 2, "*/");
		c->at = end ? (size_t)(end - c->text) + 2 : c->at + strlen(c->text + c->at);
		return;
	}
	c->at += strcspn(c->text + c->at, "\n");
}

static char skip_to_word(struct hcl_cursor *c, bool lines)
{
	for (;;) {
		char next = c->text[c->at];

		if (next == ' ' || next == '\t' || (next == '\r' && (lines || c->text[c->at + 1] == '\n')) ||
		    (next == '\n' && lines))
			c->at++;
		else if (next == '#' || (next == '/' && (c->text[c->at + 1] == '/' || c->text[c->at + 1] == '*')))
			skip_comment(c);
		else
			return next;
	}
}

char hcl_peek(struct hcl_cursor *c)
{
	return skip_to_word(c, c->inside > 0);
}

char hcl_peek_line(struct hcl_cursor *c)
{
	return skip_to_word(c, true);
}

bool hcl_take(struct hcl_cursor *c, const char *word)
{
	size_t len = 1;

	if (hcl_peek(c) != *word)
		return false;
	while (word[len] && c->text[c->at + len] == word[len])
		len++;
	if (word[len])
		return false;
	c->at += len;
	return true;
}

bool hcl_is_name_start(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_' || (unsigned char)c >= 0x80;
}

static size_t name_length(const char *text)
{
	size_t len = 0;

	if (!hcl_is_name_start(*text))
		return 0;
	while (hcl_is_name_start(text[len]) || (text[len] >= '0' && text[len] <= '9') || text[len] == '-')
		len++;
	return len;
}

const char *hcl_take_name(struct hcl_cursor *c)
{
	size_t len = name_length(c->text + c->at);

	if (!len)
		return NULL;
	c->at += len;
	hcl_heap_spend(c->heap, len);
	return arena_strndup(c->heap->arena, c->text + c->at - len, len);
}

bool hcl_take_keyword(struct hcl_cursor *c, const char *word)
{
	size_t len = strlen(word);

	hcl_peek(c);
	if (name_length(c->text + c->at) != len || strncmp(c->text + c->at, word, len) != 0)
		return false;
	c->at += len;
	return true;
}

bool hcl_enter(struct hcl_cursor *c)
{
	if (c->depth++ < HCL_DEPTH_MAX)
		return true;
	hcl_complain(c, c->at, NULL, "expressions are nested more than %d deep", HCL_DEPTH_MAX);
	return false;
}

void hcl_push(struct hcl_cursor *c, const struct hcl_expr *item)
{
	mem_reserve(&c->open, &c->open_cap, c->open_len + 1, sizeof(struct hcl_expr *));
	c->open[c->open_len++] = item;
}

const struct hcl_expr *const *hcl_pop(struct hcl_cursor *c, size_t first, size_t *ret_len)
{
	size_t len = c->open_len - first;
	const struct hcl_expr **items = arena_array(c->heap->arena, len, sizeof(struct hcl_expr *));

	if (len)
		memcpy(items, c->open + first, len * sizeof(struct hcl_expr *));
	c->open_len = first;
	*ret_len = len;
	return items;
}
