#include "config.h"

#include "engine/source/ignore_pattern.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/glob.h"
#include "base/mem.h"
#include "engine/source/ignore_regex.h"

#define BYTE_ORDER_MARK 0xfeff

enum kind {
	KIND_EXACT,
	KIND_PREFIX, /* literal, then "**" at the end */
	KIND_SUFFIX, /* "**" at the beginning, then literal */
	KIND_REGEX
};

struct ignore_pattern {
	enum kind kind;
	char *text;
	size_t len;
	struct ignore_regex *regex;
};

/* The state of the translation. */
struct translation {
	const char *text;
	size_t len, at;
	uint32_t *out;
	size_t out_len, out_cap;
	enum kind kind;
};

static void emit(struct translation *t, uint32_t rune)
{
	mem_reserve(&t->out, &t->out_cap, t->out_len + 1, sizeof(*t->out));
	t->out[t->out_len++] = rune;
}

static void emit_text(struct translation *t, const char *s)
{
	while (*s)
		emit(t, (unsigned char)*s++);
}

static bool ignore_pattern_peek(const struct translation *t, char c)
{
	return t->at < t->len && t->text[t->at] == c;
}

static void translate_star(struct translation *t, bool first)
{
	if (!ignore_pattern_peek(t, '*')) {
		emit_text(t, "[^/]*");
		t->kind = KIND_REGEX;
		return;
	}
	t->at++;
	if (ignore_pattern_peek(t, '/'))
		t->at++;
	if (t->at < t->len) {
		emit_text(t, "(.*/)?");
		t->kind = KIND_REGEX;
	} else if (t->kind == KIND_EXACT) {
		t->kind = KIND_PREFIX;
	} else {
		emit_text(t, ".*");
		t->kind = KIND_REGEX;
	}
	if (first)
		t->kind = KIND_SUFFIX;
}

/* Translates one token; as in the builders, this includes everything between brackets. */
static void translate_next(struct translation *t, bool first)
{
	uint32_t rune;

	t->at += ignore_rune(t->text + t->at, t->len - t->at, &rune);
	switch (rune) {
	case '*':
		translate_star(t, first);
		break;
	case '?':
		emit_text(t, "[^/]");
		t->kind = KIND_REGEX;
		break;
	case '.':
	case '+':
	case '(':
	case ')':
	case '$':
		/* '|', '{' and '}' are not escaped: neither do the builders, so they have a meaning */
		emit(t, '\\');
		emit(t, rune);
		break;
	case '\\':
		emit(t, '\\');
		if (t->at < t->len) {
			t->at += ignore_rune(t->text + t->at, t->len - t->at, &rune);
			emit(t, rune);
			t->kind = KIND_REGEX;
		}
		break;
	case '[':
	case ']':
		emit(t, rune);
		t->kind = KIND_REGEX;
		break;
	default:
		emit(t, rune);
		break;
	}
}

struct ignore_pattern *ignore_pattern_new(const char *text, size_t len, const char **ret_why)
{
	struct ignore_pattern *pattern = mem_alloc(sizeof(*pattern));
	struct translation t = { .len = len, .kind = KIND_EXACT };
	uint32_t mark;

	pattern->text = mem_strndup(text, len);
	pattern->len = len;
	t.text = pattern->text;
	*ret_why = "syntax error in pattern";
	if (glob_match(pattern->text, ".") < 0)
		goto refused;
	if (ignore_rune(text, len, &mark) == 3 && mark == BYTE_ORDER_MARK)
		t.at = 3;
	for (bool first = true; t.at < len; first = false)
		translate_next(&t, first);
	pattern->kind = t.kind;
	if (t.kind == KIND_REGEX)
		pattern->regex = ignore_regex_new(t.out, t.out_len, ret_why);
	if (t.kind == KIND_REGEX && !pattern->regex)
		goto refused;
	free(t.out);
	return pattern;
refused:
	free(t.out);
	ignore_pattern_free(pattern);
	return NULL;
}

void ignore_pattern_free(struct ignore_pattern *pattern)
{
	if (!pattern)
		return;
	ignore_regex_free(pattern->regex);
	free(pattern->text);
	free(pattern);
}

static bool match_suffix(const char *suffix, size_t suffix_len, const char *path, size_t len)
{
	if (len >= suffix_len && memcmp(path + len - suffix_len, suffix, suffix_len) == 0)
		return true;
	/* two stars and "/foo" match "foo" as well */
	return suffix[0] == '/' && len == suffix_len - 1 && memcmp(path, suffix + 1, len) == 0;
}

bool ignore_pattern_match(const struct ignore_pattern *pattern, const char *path, size_t len)
{
	switch (pattern->kind) {
	case KIND_EXACT:
		return len == pattern->len && memcmp(path, pattern->text, len) == 0;
	case KIND_PREFIX:
		return len >= pattern->len - 2 && memcmp(path, pattern->text, pattern->len - 2) == 0;
	case KIND_SUFFIX:
		return match_suffix(pattern->text + 2, pattern->len - 2, path, len);
	case KIND_REGEX:
		return ignore_regex_match(pattern->regex, path, len);
	}
	return false;
}

/* The first component of s[0..len) that its own text alone does not decide: classes and escapes can match across
 * '/', and so does "**". */
static bool component_open(const char *s, size_t len)
{
	for (size_t i = 0; i < len; i++)
		if (s[i] == '[' || s[i] == '\\' || s[i] == '^' || (s[i] == '*' && i + 1 < len && s[i + 1] == '*'))
			return true;
	return false;
}

static size_t component(const char *s, size_t len)
{
	const char *slash = memchr(s, '/', len);

	return slash ? (size_t)(slash - s) : len;
}

static bool component_match(const char *pattern, size_t pattern_len, const char *name, size_t len)
{
	cleanup_free char *p = mem_strndup(pattern, pattern_len), *n = mem_strndup(name, len);

	return glob_match(p, n) == 1;
}

bool ignore_pattern_below(const struct ignore_pattern *pattern, const char *dir, size_t len)
{
	const char *text = pattern->text;
	size_t left = pattern->len;

	for (;;) {
		size_t p = component(text, left), d = component(dir, len);

		if (component_open(text, p))
			return true;
		if (!component_match(text, p, dir, d))
			return false;
		if (p == left)
			return false; /* the pattern ends at or above the folder */
		text += p + 1;
		left -= p + 1;
		if (d == len)
			return true;
		dir += d + 1;
		len -= d + 1;
	}
}
