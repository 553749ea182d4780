#include "config.h"

#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "base/glob.h"
#include "base/mem.h"
#include "base/text.h"

/*
 * A pattern is a sequence of chunks: an optional star, then text without one. The algorithm is that
 * of Go's path/filepath.Match, to agree with it on every input: it never backtracks over an earlier
 * star, and a malformed pattern is malformed whether or not the name would match.
 */

#define RUNE_ERROR 0xfffd

/* A text and the position in it. */
struct span {
	const char *at;
	const char *end;
};

static bool empty(struct span s)
{
	return s.at == s.end;
}

/* The next character, with its length; as in Go, an invalid byte is U+FFFD of length 1. */
static uint32_t next_rune(struct span s, size_t *ret_len)
{
	uint32_t rune = 0;

	*ret_len = text_rune(s.at, (size_t)(s.end - s.at), &rune);
	if (*ret_len > 0)
		return rune;
	*ret_len = empty(s) ? 0 : 1;
	return RUNE_ERROR;
}

/* Cuts the next chunk off `pattern`. */
static bool scan_chunk(struct span *pattern, struct span *ret_chunk)
{
	bool star = false;
	bool in_class = false;
	const char *p;

	for (; !empty(*pattern) && *pattern->at == '*'; pattern->at++)
		star = true;
	for (p = pattern->at; p < pattern->end; p++) {
		if (*p == '\\' && p + 1 < pattern->end)
			p++;
		else if (*p == '[')
			in_class = true;
		else if (*p == ']')
			in_class = false;
		else if (*p == '*' && !in_class)
			break;
	}
	*ret_chunk = (struct span){ pattern->at, p };
	pattern->at = p;
	return star;
}

/* Reads one end of a range in a class; false when the pattern is malformed there. */
static bool glob_class_rune(struct span *chunk, uint32_t *ret_rune)
{
	size_t len;

	if (empty(*chunk) || *chunk->at == '-' || *chunk->at == ']')
		return false;
	if (*chunk->at == '\\')
		chunk->at++;
	if (empty(*chunk))
		return false;
	*ret_rune = next_rune(*chunk, &len);
	if (*ret_rune == RUNE_ERROR && len == 1)
		return false;
	chunk->at += len;
	return !empty(*chunk);
}

/* Reads a class after its '['. 1 when `rune` is in it, 0 when not, -1 malformed. */
static int match_class(struct span *chunk, uint32_t rune)
{
	bool negated = false;
	bool found = false;

	if (!empty(*chunk) && *chunk->at == '^') {
		negated = true;
		chunk->at++;
	}
	for (int ranges = 0;; ranges++) {
		uint32_t low;
		uint32_t high;

		if (ranges > 0 && !empty(*chunk) && *chunk->at == ']')
			break;
		if (!glob_class_rune(chunk, &low))
			return -1;
		high = low;
		if (*chunk->at == '-') {
			chunk->at++;
			if (!glob_class_rune(chunk, &high))
				return -1;
		}
		if (low <= rune && rune <= high)
			found = true;
	}
	chunk->at++;
	return found != negated;
}

/* Matches the start of `name` and moves it past the match. After a mismatch the rest of the chunk is still checked
 * for syntax. */
static int match_chunk(struct span chunk, struct span *name)
{
	struct span s = *name;
	bool failed = false;

	while (!empty(chunk)) {
		uint32_t rune = 0;
		size_t len = 0;
		int in_class;

		if (empty(s))
			failed = true;
		if (!failed)
			rune = next_rune(s, &len);
		switch (*chunk.at++) {
		case '[':
			in_class = match_class(&chunk, rune);
			if (in_class < 0)
				return -1;
			if (!in_class)
				failed = true;
			s.at += len;
			break;
		case '?':
			if (!failed && *s.at == '/')
				failed = true;
			s.at += len;
			break;
		case '\\':
			if (empty(chunk))
				return -1;
			chunk.at++;
			__attribute__((fallthrough));
		default:
			if (!failed && chunk.at[-1] != *s.at)
				failed = true;
			if (!failed)
				s.at++;
			break;
		}
	}
	if (!failed)
		*name = s;
	return !failed;
}

/* A chunk after a star: try it at each later position. */
static int match_later(struct span chunk, struct span *name, bool last)
{
	while (!empty(*name) && *name->at != '/') {
		struct span rest = { ++name->at, name->end };
		int result = match_chunk(chunk, &rest);

		if (result < 0)
			return -1;
		if (result && (!last || empty(rest))) {
			*name = rest;
			return 1;
		}
	}
	return 0;
}

/* After a mismatch: 0, or -1 when the rest is malformed. */
static int check_rest(struct span pattern)
{
	while (!empty(pattern)) {
		struct span nothing = { "", NULL };
		struct span chunk;

		nothing.end = nothing.at;
		scan_chunk(&pattern, &chunk);
		if (match_chunk(chunk, &nothing) < 0)
			return -1;
	}
	return 0;
}

static int match(struct span pattern, struct span name)
{
	while (!empty(pattern)) {
		struct span chunk;
		struct span rest = name;
		bool star = scan_chunk(&pattern, &chunk);
		int result;

		if (star && empty(chunk))
			return !memchr(name.at, '/', (size_t)(name.end - name.at));
		result = match_chunk(chunk, &rest);
		if (result < 0)
			return -1;
		if (result && (empty(rest) || !empty(pattern))) {
			name = rest;
			continue;
		}
		result = star ? match_later(chunk, &name, empty(pattern)) : 0;
		if (result < 0)
			return -1;
		if (!result)
			return check_rest(pattern);
	}
	return empty(name);
}

int glob_match(const char *pattern, const char *name)
{
	return match((struct span){ pattern, pattern + strlen(pattern) }, (struct span){ name, name + strlen(name) });
}

/* Cuts the first component off `path`; false when there is none left. */
static bool next_component(const char **path, struct span *ret)
{
	const char *p = *path;

	if (!p)
		return false;
	ret->at = p;
	ret->end = strchrnul(p, '/');
	*path = *ret->end ? ret->end + 1 : NULL;
	return true;
}

static bool is_deep(struct span component)
{
	return component.end - component.at == 2 && memcmp(component.at, "**", 2) == 0;
}

static bool well_formed(const char *pattern)
{
	struct span component;

	while (next_component(&pattern, &component)) {
		if (match(component, (struct span){ component.end, component.end }) < 0)
			return false;
	}
	return true;
}

/* "**" among components works like "*" among characters: only the last "**" needs backtracking. */
int glob_match_deep(const char *pattern, const char *name)
{
	const char *deep_pattern = NULL; /* after the last "**" */
	const char *deep_name = NULL;    /* where the name continues if "**" takes one more component */
	bool deep = false;

	if (!well_formed(pattern))
		return -1;
	if (!*name)
		name = NULL;
	for (;;) {
		const char *pattern_rest = pattern;
		const char *name_rest = name;
		struct span want;
		struct span have;

		if (next_component(&pattern_rest, &want)) {
			if (is_deep(want)) {
				deep = true;
				pattern = deep_pattern = pattern_rest;
				deep_name = name;
				continue;
			}
			if (next_component(&name_rest, &have) && match(want, have) == 1) {
				pattern = pattern_rest;
				name = name_rest;
				continue;
			}
		} else if (!name) {
			return 1;
		}
		if (!deep || !next_component(&deep_name, &have))
			return 0;
		pattern = deep_pattern;
		name = deep_name;
	}
}

bool glob_has_magic(const char *s)
{
	return strpbrk(s, "*?[\\") != NULL;
}

char *glob_escape(const char *name)
{
	char *pattern = mem_alloc(2 * strlen(name) + 1), *at = pattern;

	for (; *name; name++) {
		if (strchr("*?[\\", *name))
			*at++ = '\\';
		*at++ = *name;
	}
	return pattern;
}
