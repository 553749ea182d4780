#include "config.h"

#include "engine/source/ignore_regex.h"

#include <string.h>

#include "base/mem.h"
#include "engine/source/ignore_program.h"

#define RUNE_ERROR 0xfffd
#define RUNE_MAX 0x10ffff
#define SMALL_PROGRAM 255 /* steps whose state sets fit on the stack */

size_t ignore_rune(const char *s, size_t len, uint32_t *ret)
{
	static const uint32_t least[] = { 0, 0, 0x80, 0x800, 0x10000 };
	const unsigned char *p = (const unsigned char *)s;
	size_t width;
	uint32_t rune;

	if (len == 0)
		return 0;
	*ret = p[0];
	if (p[0] < 0x80)
		return 1;
	width = p[0] >= 0xf0 ? 4 : p[0] >= 0xe0 ? 3 : 2;
	rune = p[0] & (0xff >> (width + 1));
	*ret = RUNE_ERROR;
	if (p[0] < 0xc2 || p[0] > 0xf4 || width > len)
		return 1;
	for (size_t i = 1; i < width; i++) {
		if ((p[i] & 0xc0) != 0x80)
			return 1;
		rune = rune << 6 | (p[i] & 0x3f);
	}
	if (rune < least[width] || rune > RUNE_MAX || (rune >= 0xd800 && rune <= 0xdfff))
		return 1;
	*ret = rune;
	return width;
}

static bool ignore_regex_is_word(uint32_t rune)
{
	return (rune >= '0' && rune <= '9') || (rune >= 'a' && rune <= 'z') || (rune >= 'A' && rune <= 'Z') ||
	       rune == '_';
}

static bool in_class(const struct ignore_regex *regex, const struct step *step, uint32_t rune)
{
	const struct rune_range *range = regex->ranges + step->first;

	for (size_t i = 0; i < step->count; i++)
		if (rune >= range[i].lo && rune <= range[i].hi)
			return !step->negated;
	return step->negated;
}

static bool step_takes(const struct ignore_regex *regex, const struct step *step, uint32_t rune)
{
	switch (step->op) {
	case OP_RUNE:
		return rune == step->rune;
	case OP_ANY:
		return rune != '\n';
	case OP_ALL:
		return true;
	case OP_CLASS:
		return in_class(regex, step, rune);
	default:
		return false;
	}
}

struct regex_place {
	bool begin, end, boundary;
};

/* Follows the steps that need no character: they only lead towards the end, so one pass in order is enough. True
 * when an alternative is complete. */
static bool close_over(const struct ignore_regex *regex, unsigned char *now, struct regex_place place)
{
	bool done = false;

	for (size_t i = 0; i < regex->len; i++) {
		if (!now[i])
			continue;
		now[i + 1] |= regex->steps[i].star | regex->steps[i].optional;
		switch (regex->steps[i].op) {
		case OP_FORK:
			now[i + 1] = 1;
			now[regex->steps[i].first] = 1;
			break;
		case OP_DONE:
			done = true;
			break;
		case OP_BEGIN:
			now[i + 1] |= place.begin;
			break;
		case OP_END:
			now[i + 1] |= place.end;
			break;
		case OP_BOUNDARY:
			now[i + 1] |= place.boundary;
			break;
		case OP_NOBOUNDARY:
			now[i + 1] |= !place.boundary;
			break;
		case OP_ENTER:
			now[i + 1] = now[i + 2] = 1;
			break;
		case OP_LOOP:
			break;
		default:
			break;
		}
	}
	return done;
}

static bool ignore_regex_take(const struct ignore_regex *regex, const unsigned char *now, unsigned char *next,
			      uint32_t rune)
{
	bool alive = false;

	for (size_t i = 0; i < regex->len; i++) {
		const struct step *step = &regex->steps[i];

		if (!now[i])
			continue;
		if (step->op == OP_LOOP) {
			next[i] |= rune != '\n';
			next[i + 1] |= rune == '/';
			alive |= next[i] | next[i + 1];
		} else if (step_takes(regex, step, rune)) {
			next[step->star ? i : i + 1] = 1;
			alive = true;
		}
	}
	return alive;
}

static bool ignore_regex_run(const struct ignore_regex *regex, unsigned char *now, unsigned char *next,
			     const char *path, size_t len)
{
	size_t size = regex->len + 1, at = 0;
	uint32_t before = 0, rune = 0;

	memset(now, 0, size);
	now[0] = 1;
	for (;;) {
		size_t width = ignore_rune(path + at, len - at, &rune);
		bool word = width > 0 && ignore_regex_is_word(rune);
		struct regex_place place = { .begin = at == 0,
					     .end = width == 0,
					     .boundary = word != (at > 0 && ignore_regex_is_word(before)) };
		unsigned char *swap = now;

		if (close_over(regex, now, place))
			return true;
		if (width == 0)
			return false;
		memset(next, 0, size);
		if (!ignore_regex_take(regex, now, next, rune))
			return false;
		now = next;
		next = swap;
		before = rune;
		at += width;
	}
}

bool ignore_regex_match(const struct ignore_regex *regex, const char *path, size_t len)
{
	unsigned char small[2 * (SMALL_PROGRAM + 1)];
	size_t size = regex->len + 1;
	cleanup_free unsigned char *large = NULL;
	unsigned char *states;

	if (len < regex->head_len || len < regex->tail_len || memcmp(path, regex->head, regex->head_len) != 0 ||
	    memcmp(path + len - regex->tail_len, regex->tail, regex->tail_len) != 0)
		return false;
	if (size * 2 > sizeof(small))
		large = mem_alloc(size * 2);
	states = large ? large : small;
	return ignore_regex_run(regex, states, states + size, path, len);
}
