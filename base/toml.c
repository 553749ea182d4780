#include "config.h"

#include "base/toml.h"

#include <ctype.h>
#include <errno.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/error.h"
#include "base/json.h"
#include "base/map.h"
#include "base/mem.h"
#include "base/text.h"

#define TOML_DEPTH_MAX 64

/* What has been defined at a path, which decides what may be added to it. */
enum defined {
	DEFINED_NOT,
	DEFINED_IMPLICITLY, /* a table on the way to one that has a header */
	DEFINED_BY_HEADER,  /* [table] */
	DEFINED_BY_DOTS,    /* a.b = 1: the table a */
	DEFINED_TABLES,     /* [[array of tables]] */
	DEFINED_VALUE,      /* complete */
};

struct toml {
	const char *data, *at, *end;
	const char *name;
	struct arena *arena;
	struct map *defined; /* path -> enum defined */
	int depth;
	struct error **err;
};

/* A table, and its path as the key of `defined`. */
struct toml_table {
	struct json *object;
	const char *path;
	int depth;
};

static int toml_wrong(struct toml *t, const char *why)
{
	size_t line = 1;
	const char *start = t->data;

	for (const char *p = t->data; p < t->at; p++) {
		if (*p == '\n') {
			line++;
			start = p + 1;
		}
	}
	return error_make(t->err, ERROR_STATE, "%s:%zu:%zu: %s", t->name, line, (size_t)(t->at - start) + 1, why);
}

/* ---- characters ---- */

static char toml_peek(const struct toml *t)
{
	return t->at < t->end ? *t->at : '\0';
}

static bool toml_take(struct toml *t, const char *text)
{
	size_t len = strlen(text);

	if ((size_t)(t->end - t->at) < len || memcmp(t->at, text, len) != 0)
		return false;
	t->at += len;
	return true;
}

static void toml_blanks(struct toml *t)
{
	while (toml_peek(t) == ' ' || toml_peek(t) == '\t')
		t->at++;
}

static bool toml_newline(struct toml *t)
{
	return toml_take(t, "\n") || toml_take(t, "\r\n");
}

/* Control characters stand nowhere, except for tabs. */
static bool toml_is_control(char c)
{
	return ((unsigned char)c < 0x20 && c != '\t') || c == 0x7f;
}

static int toml_comment(struct toml *t)
{
	if (toml_peek(t) != '#')
		return 0;
	while (t->at < t->end && *t->at != '\n' && !(*t->at == '\r' && t->at + 1 < t->end && t->at[1] == '\n')) {
		if (toml_is_control(*t->at))
			return toml_wrong(t, "a control character in a comment");
		t->at++;
	}
	return 0;
}

static int toml_line_end(struct toml *t)
{
	toml_blanks(t);
	if (toml_comment(t) < 0)
		return -1;
	return t->at == t->end || toml_newline(t) ? 0 : toml_wrong(t, "the end of the line is expected");
}

/* Blanks, newlines and comments, between the values of an array. */
static int toml_space(struct toml *t)
{
	do {
		toml_blanks(t);
		if (toml_comment(t) < 0)
			return -1;
	} while (toml_newline(t));
	return 0;
}

/* ---- strings ---- */

static void add_utf8(struct buf *out, uint32_t rune)
{
	if (rune < 0x80) {
		buf_char(out, (char)rune);
		return;
	}
	if (rune < 0x800) {
		buf_char(out, (char)(0xc0 | rune >> 6));
	} else if (rune < 0x10000) {
		buf_char(out, (char)(0xe0 | rune >> 12));
		buf_char(out, (char)(0x80 | (rune >> 6 & 0x3f)));
	} else {
		buf_char(out, (char)(0xf0 | rune >> 18));
		buf_char(out, (char)(0x80 | (rune >> 12 & 0x3f)));
		buf_char(out, (char)(0x80 | (rune >> 6 & 0x3f)));
	}
	buf_char(out, (char)(0x80 | (rune & 0x3f)));
}

static int toml_unicode(struct toml *t, size_t digits, struct buf *out)
{
	uint32_t rune = 0;

	for (size_t i = 0; i < digits; i++, t->at++) {
		char c = toml_peek(t);

		if (!isxdigit((unsigned char)c))
			return toml_wrong(t, "a hexadecimal digit is expected");
		rune = rune << 4 | (uint32_t)(c <= '9' ? c - '0' : (c | 0x20) - 'a' + 10);
	}
	if (rune == 0 || rune > 0x10ffff || (rune >= 0xd800 && rune < 0xe000))
		return toml_wrong(t, "this is not a character that a text may have");
	add_utf8(out, rune);
	return 0;
}

/* Behind a backslash. */
static int toml_escape(struct toml *t, bool lines, struct buf *out)
{
	static const char letters[] = "btnfr\"\\", means[] = "\b\t\n\f\r\"\\";
	const char c = toml_peek(t), *letter = c ? strchr(letters, c) : NULL;

	if (letter) {
		t->at++;
		buf_char(out, means[letter - letters]);
		return 0;
	}
	if (toml_take(t, "u"))
		return toml_unicode(t, 4, out);
	if (toml_take(t, "U"))
		return toml_unicode(t, 8, out);
	if (lines) {
		toml_blanks(t);
		if (toml_newline(t)) {
			do
				toml_blanks(t);
			while (toml_newline(t));
			return 0;
		}
	}
	return toml_wrong(t, "an unknown escape sequence");
}

/* One character of a string, which is not its end. */
static int toml_character(struct toml *t, char quote, bool lines, struct buf *out)
{
	if (t->at == t->end)
		return toml_wrong(t, "the string has no end");
	if (lines && toml_newline(t)) {
		buf_char(out, '\n');
		return 0;
	}
	if (quote == '"' && toml_take(t, "\\"))
		return toml_escape(t, lines, out);
	if (toml_is_control(*t->at))
		return toml_wrong(t, *t->at == '\n' ? "the string does not end on its line"
						    : "a control character in a string");
	buf_char(out, *t->at++);
	return 0;
}

/* """ or ''', which have been read. As many as two quotes may stand before the three at the end. */
static int toml_lines(struct toml *t, char quote, struct buf *out)
{
	const char three[] = { quote, quote, quote, '\0' };

	toml_newline(t);
	while (!toml_take(t, three)) {
		if (toml_character(t, quote, true, out) < 0)
			return -1;
	}
	for (int more = 0; more < 2 && toml_peek(t) == quote; more++, t->at++)
		buf_char(out, quote);
	return 0;
}

static int toml_string(struct toml *t, bool may_have_lines, struct buf *out)
{
	const char quote = toml_peek(t), one[] = { quote, '\0' }, three[] = { quote, quote, quote, '\0' };

	buf_str(out, "");
	if (may_have_lines && toml_take(t, three))
		return toml_lines(t, quote, out);
	t->at++;
	while (!toml_take(t, one)) {
		if (toml_character(t, quote, false, out) < 0)
			return -1;
	}
	return 0;
}

/* ---- keys ---- */

static bool is_bare(char c)
{
	return isalnum((unsigned char)c) || c == '_' || c == '-';
}

/* One part of a key, with the blanks around it. */
static int toml_key(struct toml *t, const char **ret)
{
	cleanup_buf struct buf key = { 0 };

	toml_blanks(t);
	if (toml_peek(t) == '"' || toml_peek(t) == '\'') {
		if (toml_string(t, false, &key) < 0)
			return -1;
	} else {
		while (is_bare(toml_peek(t)))
			buf_char(&key, *t->at++);
		if (key.len == 0)
			return toml_wrong(t, "a key is expected");
	}
	toml_blanks(t);
	*ret = arena_strdup(t->arena, key.data);
	return 0;
}

static enum defined defined_as(const struct toml *t, const char *path)
{
	return (enum defined)(uintptr_t)map_get(t->defined, path);
}

static void define(struct toml *t, const char *path, enum defined as)
{
	map_set(t->defined, path, (void *)(uintptr_t)as);
}

/* Each part of a path begins with its length, so that no two are the same. */
static const char *path_below(struct toml *t, const struct toml_table *table, const char *key)
{
	return arena_printf(t->arena, "%s/%zu:%s", table->path, strlen(key), key);
}

/* Goes to the table `key` in *table, making it if it is not there; into the last one of an array of tables. `own`: by a dotted key, which
 * adds to no table but those of dotted keys. */
static int toml_enter(struct toml *t, struct toml_table *table, const char *key, bool by_dots)
{
	const char *path = path_below(t, table, key);
	enum defined as = defined_as(t, path);
	/* The tree that is being built is our own. */
	struct json *value = (struct json *)json_get(table->object, key);

	if (as == DEFINED_VALUE || (by_dots && (as == DEFINED_BY_HEADER || as == DEFINED_TABLES)))
		return toml_wrong(t, "the key is defined already");
	if (++table->depth > TOML_DEPTH_MAX)
		return toml_wrong(t, "nested deeper than 64");
	if (as == DEFINED_NOT) {
		value = json_new_object();
		json_set(table->object, key, value);
		define(t, path, by_dots ? DEFINED_BY_DOTS : DEFINED_IMPLICITLY);
	} else if (as == DEFINED_TABLES) {
		path = arena_printf(t->arena, "%s#%zu", path, json_len(value));
		value = (struct json *)json_at(value, json_len(value) - 1);
	}
	table->object = value;
	table->path = path;
	return 0;
}

/* A key with dots: *table is then where its last part, *ret, belongs. */
static int toml_keys(struct toml *t, struct toml_table *table, bool by_dots, const char **ret)
{
	if (toml_key(t, ret) < 0)
		return -1;
	while (toml_take(t, ".")) {
		if (toml_enter(t, table, *ret, by_dots) < 0 || toml_key(t, ret) < 0)
			return -1;
	}
	return 0;
}

/* ---- values ---- */

static int toml_value(struct toml *t, struct json **ret);
static int toml_pair(struct toml *t, struct toml_table table);

/* Whether a text has this form: '0' is a digit, '~' the end or a fraction of a second, others are themselves. */
static bool has_form(const char *s, const char *form)
{
	for (; *form && *form != '~'; form++, s++) {
		if (*form == '0' ? !isdigit((unsigned char)*s) : *form == 'T' ? !strchr("Tt ", *s) || !*s : *form != *s)
			return false;
	}
	if (*form == '~' && *s == '.' && isdigit((unsigned char)s[1]))
		s += 1 + strspn(s + 1, "0123456789");
	return !*s || (form[0] == '~' && form[1] == 'Z' &&
		       ((strchr("Zz", *s) && !s[1]) || (strchr("+-", *s) && has_form(s + 1, "00:00"))));
}

static bool is_date(const char *s)
{
	const char *time = has_form(s, "00:00:00~") ? s : s + 11;
	bool with_date = time != s;

	if (with_date && !has_form(s, "0000-00-00") && !has_form(s, "0000-00-00T00:00:00~Z"))
		return false;
	if (with_date && (atoi(s + 5) < 1 || atoi(s + 5) > 12 || atoi(s + 8) < 1 || atoi(s + 8) > 31))
		return false;
	return strlen(s) == 10 || (atoi(time) < 24 && atoi(time + 3) < 60 && atoi(time + 6) <= 60);
}

/* Digits of a base, with single underscores between them. */
static bool is_digits(const char *s, size_t len, const char *digits)
{
	bool digit = false;

	for (size_t i = 0; i < len; i++) {
		if (!(s[i] == '_' && digit) && !strchr(digits, s[i]))
			return false;
		digit = s[i] != '_';
	}
	return digit;
}

#define DECIMAL "0123456789"

static bool is_decimal(const char *s, size_t len)
{
	return is_digits(s, len, DECIMAL) && (s[0] != '0' || len == 1);
}

static bool is_float(const char *s)
{
	const char *sign = s + strspn(s, "+-"), *mantissa;
	size_t whole;

	if (sign - s > 1)
		return false;
	if (strcmp(sign, "inf") == 0 || strcmp(sign, "nan") == 0)
		return true;
	whole = strcspn(sign, ".eE");
	if (!sign[whole] || !is_decimal(sign, whole))
		return false; /* without a fraction or an exponent it is an integer, if too large a one */
	mantissa = sign + whole;
	if (*mantissa == '.') {
		size_t fraction = strcspn(mantissa + 1, "eE");

		if (!is_digits(mantissa + 1, fraction, DECIMAL))
			return false;
		mantissa += 1 + fraction;
	}
	if (!*mantissa)
		return true;
	mantissa++;
	if (*mantissa == '+' || *mantissa == '-')
		mantissa++;
	return is_digits(mantissa, strlen(mantissa), DECIMAL);
}

static bool is_integer(const char *s, int64_t *ret)
{
	static const struct {
		const char *prefix, *digits;
		int base;
	} bases[] = { { "0x", DECIMAL "abcdefABCDEF", 16 }, { "0o", "01234567", 8 }, { "0b", "01", 2 } };
	cleanup_buf struct buf plain = { 0 };
	const char *digits = s + (*s == '+' || *s == '-');
	int base = 10;

	for (size_t i = 0; i < sizeof(bases) / sizeof(bases[0]); i++) {
		if (strncmp(s, bases[i].prefix, 2) == 0 && is_digits(s + 2, strlen(s + 2), bases[i].digits)) {
			digits = s + 2;
			base = bases[i].base;
		}
	}
	if (base == 10 && !is_decimal(digits, strlen(digits)))
		return false;
	buf_str(&plain, *s == '-' ? "-" : "");
	for (; *digits; digits++) {
		if (*digits != '_')
			buf_char(&plain, *digits);
	}
	errno = 0;
	*ret = strtoll(plain.data, NULL, base);
	return errno == 0;
}

/* What is written without quotes. A blank may stand between a date and a time. */
static int toml_word(struct toml *t, struct json **ret)
{
	const char *start = t->at;
	cleanup_free char *word = NULL;
	int64_t number;

	while (is_bare(toml_peek(t)) || strchr(".:+", toml_peek(t) ? toml_peek(t) : ' ')) {
		t->at++;
		if (t->at - start == 10 && t->end - t->at >= 3 && *t->at == ' ' && isdigit((unsigned char)t->at[1]) &&
		    isdigit((unsigned char)t->at[2]))
			t->at++;
	}
	word = mem_strndup(start, (size_t)(t->at - start));
	if (strcmp(word, "true") == 0 || strcmp(word, "false") == 0)
		*ret = json_new_bool(*word == 't');
	else if (is_integer(word, &number))
		*ret = json_new_int(number);
	else if (is_float(word) || is_date(word))
		*ret = json_new_string(word);
	else {
		t->at = start;
		return toml_wrong(t, *word ? "this is not a value" : "a value is expected");
	}
	return 0;
}

static int toml_items(struct toml *t, struct json *array)
{
	for (;;) {
		struct json *item;

		if (toml_space(t) < 0)
			return -1;
		if (toml_take(t, "]"))
			return 0;
		if (toml_value(t, &item) < 0)
			return -1;
		json_append(array, item);
		if (toml_space(t) < 0)
			return -1;
		if (!toml_take(t, ",") && toml_peek(t) != ']')
			return toml_wrong(t, "\",\" or \"]\" is expected");
	}
}

/* The pairs of an inline table, whose names are in no other table's way: their paths begin with where it stands. */
static int toml_members(struct toml *t, struct json *object)
{
	const struct toml_table table = { object, arena_printf(t->arena, "@%zu", (size_t)(t->at - t->data)), t->depth };

	toml_blanks(t);
	if (toml_take(t, "}"))
		return 0;
	do {
		if (toml_pair(t, table) < 0)
			return -1;
		toml_blanks(t);
	} while (toml_take(t, ","));
	return toml_take(t, "}") ? 0 : toml_wrong(t, "\",\" or \"}\" is expected");
}

static int toml_nested(struct toml *t, struct json *value, int (*read)(struct toml *, struct json *), struct json **ret)
{
	int r;

	t->at++;
	r = ++t->depth > TOML_DEPTH_MAX ? toml_wrong(t, "nested deeper than 64") : read(t, value);
	t->depth--;
	if (r < 0)
		json_free(value);
	else
		*ret = value;
	return r;
}

static int toml_value(struct toml *t, struct json **ret)
{
	cleanup_buf struct buf text = { 0 };

	switch (toml_peek(t)) {
	case '[':
		return toml_nested(t, json_new_array(), toml_items, ret);
	case '{':
		return toml_nested(t, json_new_object(), toml_members, ret);
	case '"':
	case '\'':
		if (toml_string(t, true, &text) < 0)
			return -1;
		*ret = json_new_string(text.data);
		return 0;
	default:
		return toml_word(t, ret);
	}
}

/* ---- lines ---- */

static int toml_pair(struct toml *t, struct toml_table table)
{
	struct json *value;
	const char *key, *path;
	int outer = t->depth;

	if (toml_keys(t, &table, true, &key) < 0)
		return -1;
	path = path_below(t, &table, key);
	if (defined_as(t, path) != DEFINED_NOT)
		return toml_wrong(t, "the key is defined already");
	if (!toml_take(t, "="))
		return toml_wrong(t, "\"=\" is expected");
	toml_blanks(t);
	t->depth = table.depth;
	if (toml_value(t, &value) < 0)
		return -1;
	t->depth = outer;
	json_set(table.object, key, value);
	define(t, path, DEFINED_VALUE);
	return 0;
}

/* [table] */
static int toml_header(struct toml *t, struct toml_table *table, const char *key)
{
	const char *path = path_below(t, table, key);
	enum defined as = defined_as(t, path);

	if (as != DEFINED_NOT && as != DEFINED_IMPLICITLY)
		return toml_wrong(t, "the table is defined already");
	if (toml_enter(t, table, key, false) < 0)
		return -1;
	define(t, path, DEFINED_BY_HEADER);
	return 0;
}

/* [[table]] */
static int toml_header_of_many(struct toml *t, struct toml_table *table, const char *key)
{
	const char *path = path_below(t, table, key);
	enum defined as = defined_as(t, path);

	if (as != DEFINED_NOT && as != DEFINED_TABLES)
		return toml_wrong(t, "the table is defined already");
	if (as == DEFINED_NOT)
		json_set(table->object, key, json_new_array());
	json_append((struct json *)json_get(table->object, key), json_new_object());
	define(t, path, DEFINED_TABLES);
	return toml_enter(t, table, key, false);
}

static int toml_line(struct toml *t, const struct toml_table *root, struct toml_table *table)
{
	bool many = toml_take(t, "[[");
	const char *key;

	if (!many && !toml_take(t, "["))
		return toml_pair(t, *table);
	*table = *root;
	if (toml_keys(t, table, false, &key) < 0)
		return -1;
	if (!toml_take(t, many ? "]]" : "]"))
		return toml_wrong(t, "\"]\" is expected");
	return many ? toml_header_of_many(t, table, key) : toml_header(t, table, key);
}

static int toml_document(struct toml *t, struct json *object)
{
	const struct toml_table root = { object, "", 0 };
	struct toml_table table = root;

	if (t->end > t->at && !text_utf8(t->at, (size_t)(t->end - t->at)))
		return error_make(t->err, ERROR_STATE, "%s: not valid UTF-8", t->name);
	toml_take(t, "\xef\xbb\xbf");
	for (;;) {
		if (toml_space(t) < 0)
			return -1;
		if (t->at == t->end)
			return 0;
		if (toml_line(t, &root, &table) < 0 || toml_line_end(t) < 0)
			return -1;
	}
}

int toml_parse(const char *data, size_t len, const char *name, struct json **ret, struct error **err)
{
	struct toml t = { .data = data,
			  .at = data,
			  .end = data + len,
			  .name = name,
			  .arena = arena_new(),
			  .defined = map_new(),
			  .err = err };
	struct json *object = json_new_object();
	int r = toml_document(&t, object);

	map_free(t.defined);
	arena_free(t.arena);
	if (r < 0)
		json_free(object);
	else
		*ret = object;
	return r;
}
