#include "config.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/mem.h"
#include "dsl/dotenv.h"

struct dotenv_reader {
	struct arena *arena;
	struct diags *diags;
	uint32_t file;
	const char *text;
	size_t len;
	size_t at;
	struct dotenv_var *vars;
	size_t vars_len, vars_cap;
};

static int peek(const struct dotenv_reader *r)
{
	return r->at < r->len ? (unsigned char)r->text[r->at] : -1;
}

static struct pos dotenv_place(const struct dotenv_reader *r, size_t at)
{
	return diags_pos_at(r->diags, r->file, at);
}

static void skip_blanks(struct dotenv_reader *r)
{
	while (peek(r) == ' ' || peek(r) == '\t' || peek(r) == '\r')
		r->at++;
}

static void skip_line(struct dotenv_reader *r)
{
	while (peek(r) >= 0 && peek(r) != '\n')
		r->at++;
}

static bool name_char(int c)
{
	return c >= 0 && (isalnum(c) || c == '_' || c == '.' || c == '-' || c == '[' || c == ']' || c >= 0x80);
}

static void skip_export(struct dotenv_reader *r)
{
	if (r->len - r->at > 7 && !strncmp(r->text + r->at, "export", 6) &&
	    (r->text[r->at + 6] == ' ' || r->text[r->at + 6] == '\t')) {
		r->at += 6;
		skip_blanks(r);
	}
}

/* The meaning of a backslash escape in double quotes. `\$` becomes `$$`, the escape of interpolation. */
static void read_escape(struct dotenv_reader *r, struct buf *out)
{
	static const char from[] = "abfnrtv";
	static const char to[] = "\a\b\f\n\r\t\v";
	int c = peek(r);
	const char *known = c > 0 ? strchr(from, c) : NULL;

	if (c < 0)
		return;
	r->at++;
	if (known) {
		buf_char(out, to[known - from]);
	} else if (c == '$') {
		buf_str(out, "$$");
	} else if (c == '"' || c == '\\') {
		buf_char(out, (char)c);
	} else {
		buf_char(out, '\\');
		buf_char(out, (char)c);
	}
}

static bool read_quoted(struct dotenv_reader *r, struct buf *out)
{
	size_t start = r->at;
	int quote = peek(r);

	r->at++;
	while (peek(r) >= 0 && peek(r) != quote) {
		int c = peek(r);

		r->at++;
		if (c == '\\' && quote == '"') {
			read_escape(r, out);
		} else if (c == '\\' && peek(r) == '\'') {
			buf_char(out, '\'');
			r->at++;
		} else {
			buf_char(out, (char)c);
		}
	}
	if (peek(r) < 0) {
		diags_add(r->diags, dotenv_place(r, start), NULL, "this quote is never closed");
		return false;
	}
	r->at++;
	return true;
}

static void read_plain(struct dotenv_reader *r, struct buf *out)
{
	size_t start = r->at, end;

	skip_line(r);
	end = r->at;
	for (size_t i = start; i < end; i++) {
		if (r->text[i] == '#' && i > start && r->text[i - 1] == ' ') {
			end = i;
			break;
		}
	}
	while (end > start && strchr(" \t\r", r->text[end - 1]))
		end--;
	buf_add(out, r->text + start, end - start);
}

static void dotenv_add(struct dotenv_reader *r, struct dotenv_var var)
{
	mem_reserve(&r->vars, &r->vars_cap, r->vars_len + 1, sizeof(*r->vars));
	r->vars[r->vars_len++] = var;
}

static void read_value(struct dotenv_reader *r, const char *name)
{
	struct buf value cleanup_buf = { 0 };
	int quote;
	size_t start;

	skip_blanks(r);
	start = r->at;
	quote = peek(r);
	if (quote != '"' && quote != '\'') {
		quote = 0;
		read_plain(r, &value);
	} else if (!read_quoted(r, &value)) {
		return;
	}
	dotenv_add(r, (struct dotenv_var){
			      .name = name,
			      .value = arena_strndup(r->arena, value.data ? value.data : "", value.len),
			      .expand = quote != '\'',
			      .pos = dotenv_place(r, start),
		      });
}

static void read_statement(struct dotenv_reader *r)
{
	size_t start;
	char *name;

	skip_export(r);
	start = r->at;
	while (name_char(peek(r)))
		r->at++;
	name = arena_strndup(r->arena, r->text + start, r->at - start);
	skip_blanks(r);
	if (*name && (peek(r) == '=' || peek(r) == ':')) {
		r->at++;
		read_value(r, name);
		skip_line(r); /* the rest of the line after a closing quote is ignored */
	} else if (*name && (peek(r) < 0 || peek(r) == '\n' || peek(r) == '#')) {
		dotenv_add(r, (struct dotenv_var){ .name = name, .pos = dotenv_place(r, start) });
		skip_line(r);
	} else {
		diags_add(r->diags, dotenv_place(r, *name && r->at > start ? start : r->at), NULL,
			  "a line of an env file is NAME=value");
		skip_line(r);
	}
}

void dotenv_parse(struct arena *arena, struct diags *diags, uint32_t file, const char *text, size_t len,
		  struct dotenv_var **ret_vars, size_t *ret_len)
{
	static const char bom[] = "\xef\xbb\xbf";
	struct dotenv_reader r = { .arena = arena, .diags = diags, .file = file, .text = text, .len = len };

	if (len >= 3 && !memcmp(text, bom, 3))
		r.at = 3;

	while (r.at < len) {
		skip_blanks(&r);
		if (peek(&r) == '#')
			skip_line(&r);
		else if (peek(&r) != '\n' && peek(&r) >= 0)
			read_statement(&r);
		if (peek(&r) == '\n')
			r.at++;
	}
	*ret_len = r.vars_len;
	*ret_vars = arena_array(arena, r.vars_len, sizeof(*r.vars));
	if (r.vars_len)
		memcpy(*ret_vars, r.vars, r.vars_len * sizeof(*r.vars));
	free(r.vars);
}
