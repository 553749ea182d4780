#include "config.h"

#include <string.h>

#include "base/scan.h"

struct scan scan_begin(const char *text, size_t len)
{
	return (struct scan){ .at = text, .end = text + len };
}

static bool scan_refuse(struct scan *s)
{
	s->bad = true;
	return false;
}

static void scan_skip_space(struct scan *s)
{
	while (s->at < s->end && (*s->at == ' ' || *s->at == '\n' || *s->at == '\r' || *s->at == '\t'))
		s->at++;
}

static bool scan_take(struct scan *s, char c)
{
	scan_skip_space(s);
	if (s->bad || s->at == s->end || *s->at != c)
		return false;
	s->at++;
	return true;
}

static bool open(struct scan *s, char bracket)
{
	s->first = scan_take(s, bracket);
	return s->first || scan_refuse(s);
}

bool scan_object(struct scan *s)
{
	return open(s, '{');
}

bool scan_array(struct scan *s)
{
	return open(s, '[');
}

/* True when another element follows, false at the end. */
static bool another(struct scan *s, char bracket)
{
	bool first = s->first;

	s->first = false;
	if (scan_take(s, bracket))
		return false;
	return first ? !s->bad : scan_take(s, ',') || scan_refuse(s);
}

bool scan_member(struct scan *s, struct scan_text *ret)
{
	if (!another(s, '}') || !scan_string(s, ret))
		return false;
	return scan_take(s, ':') || scan_refuse(s);
}

bool scan_item(struct scan *s)
{
	return another(s, ']');
}

/* Reads from after the opening quote to after the closing one. */
static bool pass_string(struct scan *s)
{
	const char *start = s->at;

	for (;;) {
		const char *quote = memchr(s->at, '"', (size_t)(s->end - s->at));
		size_t slashes = 0;

		if (!quote)
			return scan_refuse(s);
		while (quote - slashes > start && quote[-(long)slashes - 1] == '\\')
			slashes++;
		s->at = quote + 1;
		if (slashes % 2 == 0)
			return true;
	}
}

bool scan_string(struct scan *s, struct scan_text *ret)
{
	const char *start;

	if (!scan_take(s, '"'))
		return scan_refuse(s);
	start = s->at;
	if (!pass_string(s))
		return false;
	ret->text = start;
	ret->len = (size_t)(s->at - start) - 1;
	ret->escaped = memchr(start, '\\', ret->len) != NULL;
	return true;
}

bool scan_number(struct scan *s, uint64_t *ret)
{
	uint64_t number = 0;
	const char *start;

	scan_skip_space(s);
	start = s->at;
	for (; !s->bad && s->at < s->end && *s->at >= '0' && *s->at <= '9'; s->at++) {
		if (__builtin_mul_overflow(number, (uint64_t)10, &number) ||
		    __builtin_add_overflow(number, (uint64_t)(*s->at - '0'), &number))
			return scan_refuse(s);
	}
	if (s->at == start || (s->at < s->end && strchr(".eE", *s->at)))
		return scan_refuse(s);
	*ret = number;
	return true;
}

bool scan_null(struct scan *s)
{
	scan_skip_space(s);
	if (s->bad || s->end - s->at < 4 || memcmp(s->at, "null", 4) != 0)
		return false;
	s->at += 4;
	return true;
}

/* Counts the depth instead of recursing: brackets only have to balance. */
bool scan_skip(struct scan *s)
{
	size_t depth = 0;

	do {
		scan_skip_space(s);
		if (s->bad || s->at == s->end)
			return scan_refuse(s);
		switch (*s->at++) {
		case '"':
			if (!pass_string(s))
				return false;
			break;
		case '[':
		case '{':
			depth++;
			break;
		case ']':
		case '}':
			if (depth-- == 0)
				return scan_refuse(s);
			break;
		case ',':
		case ':':
			if (depth == 0)
				return scan_refuse(s);
			break;
		case '\0':
			return scan_refuse(s);
		default:
			while (s->at < s->end && *s->at && !strchr(" \n\r\t,:]}\"[{", *s->at))
				s->at++;
		}
	} while (depth > 0);
	return true;
}

bool scan_done(struct scan *s)
{
	scan_skip_space(s);
	return !s->bad && s->at == s->end;
}

bool scan_is(const struct scan_text *text, const char *s)
{
	return !text->escaped && strlen(s) == text->len && memcmp(text->text, s, text->len) == 0;
}
