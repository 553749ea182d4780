#include "config.h"

#include "engine/source/dockerfile_word.h"

#include <ctype.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/mem.h"

#define DEPTH_MAX 32             /* "${a:-${b:-...}}" */
#define EXPANDED_MAX (64 * 1024) /* bytes of a value: each may contain the previous one twice */
#define TRIMMED_MAX 4096         /* bytes of a value that patterns are tried on, at every position */

enum { END = -1 };

struct words {
	char **items;
	size_t len, cap;
	struct buf current;
	bool inside;
};

struct lexer {
	const char *at;
	char escape;
	bool raw_quotes, skip_unset; /* for word_split: nothing is replaced */
	const struct word_env *env;
	bool unknown;
	int depth;
	struct words words;
};

static int lex_until(struct lexer *lexer, int stop, bool raw_escapes, struct buf *out);

static int dockerfile_word_peek(const struct lexer *lexer)
{
	return *lexer->at ? (unsigned char)*lexer->at : END;
}

static int dockerfile_word_next(struct lexer *lexer)
{
	return *lexer->at ? (unsigned char)*lexer->at++ : END;
}

static void words_push(struct words *words)
{
	if (words->current.len == 0)
		return;
	mem_reserve(&words->items, &words->cap, words->len + 1, sizeof(*words->items));
	words->items[words->len++] = buf_steal(&words->current);
	words->inside = false;
}

static void words_raw(struct words *words, const char *data, size_t len)
{
	buf_add(&words->current, data, len);
	words->inside = true;
}

static void words_char(struct words *words, char c)
{
	if (!isspace((unsigned char)c))
		words_raw(words, &c, 1);
	else if (words->inside)
		words_push(words);
}

static void lex_name(struct lexer *lexer, struct buf *name)
{
	if (isdigit(dockerfile_word_peek(lexer))) {
		while (dockerfile_word_peek(lexer) != END && isdigit(dockerfile_word_peek(lexer)))
			buf_char(name, (char)dockerfile_word_next(lexer));
		return;
	}
	if (dockerfile_word_peek(lexer) != END && strchr("@*#?-$!", dockerfile_word_peek(lexer))) {
		buf_char(name, (char)dockerfile_word_next(lexer));
		return;
	}
	while (dockerfile_word_peek(lexer) != END &&
	       (isalnum(dockerfile_word_peek(lexer)) || dockerfile_word_peek(lexer) == '_' ||
		dockerfile_word_peek(lexer) >= 0x80))
		buf_char(name, (char)dockerfile_word_next(lexer));
}

static enum word_found lookup(struct lexer *lexer, const char *name, const char **ret)
{
	enum word_found found = WORD_UNSET;

	*ret = "";
	if (lexer->env)
		found = lexer->env->get(lexer->env->data, name, ret);
	if (found == WORD_UNKNOWN)
		lexer->unknown = true;
	if (found != WORD_SET)
		*ret = "";
	return found;
}

/* A pattern: literal bytes and wildcards. */
enum { PATTERN_ANY = 256, PATTERN_STAR };

struct word_pattern {
	unsigned short *items;
	size_t len;
	size_t least; /* the least number of bytes it matches */
};

static bool ascii_line(const char *s)
{
	for (; *s; s++)
		if ((unsigned char)*s >= 0x80 || *s == '\n')
			return false;
	return true;
}

/* A backslash escapes '*', '?' and itself; before what ends a "${}" it is not part of the pattern. */
static int pattern_read(const char *text, struct word_pattern *ret)
{
	ret->items = mem_array(strlen(text) + 1, sizeof(*ret->items));
	for (const char *c = text; *c; c++) {
		unsigned short item = (unsigned char)*c;

		if (*c == '\\') {
			item = (unsigned char)*++c;
			if (!item || !strchr("}/*?\\", item))
				return -1;
		} else if (*c == '*' || *c == '?') {
			item = *c == '*' ? PATTERN_STAR : PATTERN_ANY;
		}
		ret->items[ret->len++] = item;
		ret->least += item != PATTERN_STAR;
	}
	return 0;
}

static bool pattern_matches(const struct word_pattern *pattern, const char *s, size_t len)
{
	size_t at = 0, star = SIZE_MAX;
	const char *retry = NULL, *end = s + len;

	for (;;) {
		unsigned short item = at < pattern->len ? pattern->items[at] : 0;

		if (item == PATTERN_STAR) {
			star = ++at;
			retry = s;
		} else if (s == end && at == pattern->len) {
			return true;
		} else if (s < end && at < pattern->len && (item == PATTERN_ANY || item == (unsigned char)*s)) {
			at++;
			s++;
		} else if (star != SIZE_MAX && retry < end) {
			at = star;
			s = ++retry;
		} else {
			return false;
		}
	}
}

/* "${x#word}" and "${x%word}"; doubled for the longest match. */
static void dockerfile_word_trim(char op, bool greedy, const struct word_pattern *pattern, const char *value,
				 struct buf *out)
{
	size_t len = strlen(value);

	for (size_t i = 0; i <= len; i++) {
		size_t n = greedy ? len - i : i;

		if (op == '#' && pattern_matches(pattern, value, n)) {
			buf_str(out, value + n);
			return;
		}
		if (op == '%' && pattern_matches(pattern, value + len - n, n)) {
			buf_add(out, value, len - n);
			return;
		}
	}
	buf_str(out, value);
}

/* "${x/word/text}", and with "//" all matches: the longest one at each position. */
static void dockerfile_word_replace(bool all, const struct word_pattern *pattern, const char *text, const char *value,
				    struct buf *out)
{
	size_t len = strlen(value);

	for (bool done = false; *value;) {
		size_t n = done ? 0 : len;

		while (n > 0 && !pattern_matches(pattern, value, n))
			n--;
		if (n > 0) {
			buf_str(out, text);
			done = !all;
		} else {
			buf_char(out, *value);
		}
		n += n == 0;
		value += n;
		len -= n;
	}
}

/* What we do not evaluate: values that take long to search, or patterns where matching by runes and lines differs
 * from matching by bytes. */
static bool read_pattern(struct lexer *lexer, const char *word, const char *value, struct word_pattern *ret)
{
	bool good = strlen(value) <= TRIMMED_MAX && ascii_line(value) && ascii_line(word) && pattern_read(word, ret) == 0;

	lexer->unknown |= !good;
	return good;
}

static void trim_pattern(struct lexer *lexer, char op, const char *word, const char *value, struct buf *out)
{
	struct word_pattern pattern = { 0 };
	bool greedy = word[0] == op;

	if (read_pattern(lexer, word + greedy, value, &pattern))
		dockerfile_word_trim(op, greedy, &pattern, value, out);
	free(pattern.items);
}

/* The part after the name in "${name...}": `op` is its operator, the rest follows. */
static int lex_modifier(struct lexer *lexer, const char *name, int op, bool colon, struct buf *out)
{
	cleanup_buf struct buf word = { 0 };
	enum word_found found;
	const char *value;
	bool empty;

	if (op == END || !strchr(colon ? "+-?" : "+-?#%", op))
		return -1;
	if (lex_until(lexer, '}', op == '#' || op == '%', &word) < 0)
		return -1;
	found = lookup(lexer, name, &value);
	if (found == WORD_UNSET && lexer->skip_unset) {
		buf_printf(out, "${%s%s%c%s}", name, colon ? ":" : "", op, word.data ? word.data : "");
		return 0;
	}
	empty = found == WORD_UNSET || (colon && !*value);
	switch (op) {
	case '-':
		buf_str(out, empty ? (word.data ? word.data : "") : value);
		return 0;
	case '+':
		buf_str(out, empty ? "" : word.data ? word.data : "");
		return 0;
	case '?':
		buf_str(out, value);
		return empty && found != WORD_UNKNOWN ? -1 : 0;
	default:
		trim_pattern(lexer, (char)op, word.data ? word.data : "", value, out);
		return 0;
	}
}

/* "${name/pattern/text}". */
static int lex_replace(struct lexer *lexer, const char *name, struct buf *out)
{
	cleanup_buf struct buf word = { 0 }, text = { 0 };
	struct word_pattern pattern = { 0 };
	const char *value;
	bool all = dockerfile_word_peek(lexer) == '/';

	if (all)
		dockerfile_word_next(lexer);
	buf_str(&word, "");
	buf_str(&text, "");
	if (lex_until(lexer, '/', true, &word) < 0 || lex_until(lexer, '}', true, &text) < 0)
		return -1;
	if (lookup(lexer, name, &value) == WORD_UNSET && lexer->skip_unset) {
		buf_printf(out, "${%s/%s/%s}", name, word.data, text.data);
		return 0;
	}
	/* a pattern that matches nothing matches between all bytes, and "$" may be one of Go's templates */
	if (read_pattern(lexer, word.data, value, &pattern) && pattern.least > 0 && !(all && strchr(text.data, '$')))
		dockerfile_word_replace(all, &pattern, text.data, value, out);
	else
		lexer->unknown = true;
	free(pattern.items);
	return 0;
}

static int lex_braces(struct lexer *lexer, struct buf *out)
{
	cleanup_buf struct buf name = { 0 };
	const char *value;
	int op;

	dockerfile_word_next(lexer);
	if (dockerfile_word_peek(lexer) == END || strchr("{}:", dockerfile_word_peek(lexer)))
		return -1;
	lex_name(lexer, &name);
	buf_str(&name, "");
	op = dockerfile_word_next(lexer);
	if (op == '/')
		return lex_replace(lexer, name.data, out);
	if (op != '}')
		return lex_modifier(lexer, name.data, op == ':' ? dockerfile_word_next(lexer) : op, op == ':', out);
	if (lookup(lexer, name.data, &value) == WORD_UNSET && lexer->skip_unset)
		buf_printf(out, "${%s}", name.data);
	else
		buf_str(out, value);
	return 0;
}

static int lex_dollar(struct lexer *lexer, struct buf *out)
{
	cleanup_buf struct buf name = { 0 };
	const char *value;
	int status;

	dockerfile_word_next(lexer);
	if (dockerfile_word_peek(lexer) == '{') {
		if (lexer->depth >= DEPTH_MAX)
			return -1;
		lexer->depth++;
		status = lex_braces(lexer, out);
		lexer->depth--;
		return status;
	}
	lex_name(lexer, &name);
	if (name.len == 0) {
		buf_char(out, '$');
		return 0;
	}
	if (lookup(lexer, name.data, &value) == WORD_UNSET && lexer->skip_unset)
		buf_printf(out, "$%s", name.data);
	else
		buf_str(out, value);
	return 0;
}

static int lex_single(struct lexer *lexer, struct buf *out)
{
	int c = dockerfile_word_next(lexer);

	if (lexer->raw_quotes)
		buf_char(out, (char)c);
	while ((c = dockerfile_word_next(lexer)) != '\'') {
		if (c == END)
			return -1;
		buf_char(out, (char)c);
	}
	if (lexer->raw_quotes)
		buf_char(out, (char)c);
	return 0;
}

static int lex_double(struct lexer *lexer, bool raw_escapes, struct buf *out)
{
	int c = dockerfile_word_next(lexer);

	if (lexer->raw_quotes)
		buf_char(out, (char)c);
	for (;;) {
		c = dockerfile_word_peek(lexer);
		if (c == END || (lexer->env && out->len > EXPANDED_MAX))
			return -1;
		if (c == '$') {
			if (lex_dollar(lexer, out) < 0)
				return -1;
			continue;
		}
		dockerfile_word_next(lexer);
		if (c == '"')
			break;
		if (c == lexer->escape) {
			if (raw_escapes)
				buf_char(out, (char)c);
			if (dockerfile_word_peek(lexer) == END)
				continue;
			if (dockerfile_word_peek(lexer) == '"' || dockerfile_word_peek(lexer) == '$' ||
			    dockerfile_word_peek(lexer) == lexer->escape)
				c = dockerfile_word_next(lexer);
		}
		buf_char(out, (char)c);
	}
	if (lexer->raw_quotes)
		buf_char(out, '"');
	return 0;
}

/* "<<" includes the blanks after it in the word. */
static void lex_less(struct lexer *lexer, struct buf *out)
{
	buf_char(out, (char)dockerfile_word_next(lexer));
	if (dockerfile_word_peek(lexer) != '<')
		return;
	buf_char(out, (char)dockerfile_word_next(lexer));
	while (dockerfile_word_peek(lexer) == ' ' || dockerfile_word_peek(lexer) == '\t' ||
	       dockerfile_word_peek(lexer) == '\r')
		buf_char(out, (char)dockerfile_word_next(lexer));
}

static int lex_special(struct lexer *lexer, int c, bool raw_escapes, struct buf *out)
{
	switch (c) {
	case '\'':
		return lex_single(lexer, out);
	case '"':
		return lex_double(lexer, raw_escapes, out);
	case '$':
		return lex_dollar(lexer, out);
	default:
		lex_less(lexer, out);
		return 0;
	}
}

static void lex_plain(struct lexer *lexer, int c, bool raw_escapes, bool outer, struct buf *out)
{
	bool escaped = c == lexer->escape;

	dockerfile_word_next(lexer);
	if (escaped) {
		if (raw_escapes) {
			buf_char(out, (char)c);
			if (outer)
				words_raw(&lexer->words, &(char){ (char)c }, 1);
		}
		c = dockerfile_word_next(lexer);
		if (c == END)
			return;
	}
	buf_char(out, (char)c);
	if (outer && escaped)
		words_raw(&lexer->words, &(char){ (char)c }, 1);
	else if (outer)
		words_char(&lexer->words, (char)c);
}

static int lex_until(struct lexer *lexer, int stop, bool raw_escapes, struct buf *out)
{
	bool outer = stop == END;

	for (;;) {
		int c = dockerfile_word_peek(lexer);
		size_t before = out->len;

		if (c == END)
			return outer ? 0 : -1;
		if (lexer->env && before > EXPANDED_MAX)
			return -1;
		if (c == stop) {
			dockerfile_word_next(lexer);
			return 0;
		}
		if (!strchr("'\"$<", c)) {
			lex_plain(lexer, c, raw_escapes, outer, out);
			continue;
		}
		if (lex_special(lexer, c, raw_escapes, out) < 0)
			return -1;
		if (!outer || out->len == before)
			continue;
		if (c != '$') {
			words_raw(&lexer->words, out->data + before, out->len - before);
			continue;
		}
		for (size_t i = before; i < out->len; i++)
			words_char(&lexer->words, out->data[i]);
	}
}

int word_expand(const char *source, char escape, const struct word_env *env, struct buf *out, bool *ret_unknown)
{
	struct lexer lexer = { .at = source, .escape = escape, .env = env };
	int status;

	buf_str(out, "");
	status = lex_until(&lexer, END, false, out);
	words_push(&lexer.words);
	word_list_free(lexer.words.items, lexer.words.len);
	buf_free(&lexer.words.current);
	*ret_unknown |= lexer.unknown;
	return status;
}

static char **dockerfile_word_split(const char *line, bool raw, size_t *ret_len)
{
	struct lexer lexer = { .at = line, .escape = '\\', .raw_quotes = raw, .skip_unset = true };
	cleanup_buf struct buf out = { 0 };
	int status = lex_until(&lexer, END, raw, &out);

	words_push(&lexer.words);
	buf_free(&lexer.words.current);
	if (status < 0) {
		word_list_free(lexer.words.items, lexer.words.len);
		lexer.words.items = NULL;
		lexer.words.len = 0;
	}
	*ret_len = lexer.words.len;
	return lexer.words.items;
}

char **word_split(const char *line, size_t *ret_len)
{
	return dockerfile_word_split(line, true, ret_len);
}

void word_list_free(char **words, size_t len)
{
	for (size_t i = 0; i < len; i++)
		free(words[i]);
	free(words);
}

char *word_heredoc(const char *word, bool *ret_chomp)
{
	char **words, *name = NULL;
	size_t len;

	while (isdigit((unsigned char)*word))
		word++;
	if (strncmp(word, "<<", 2) != 0)
		return NULL;
	word += 2;
	*ret_chomp = *word == '-';
	word += *ret_chomp;
	while (isspace((unsigned char)*word))
		word++;
	if (!*word || strchr(word, '<'))
		return NULL;
	words = dockerfile_word_split(word, false, &len);
	if (len == 1)
		name = mem_strdup(words[0]);
	word_list_free(words, len);
	return name;
}
