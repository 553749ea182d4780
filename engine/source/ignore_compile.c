#include "config.h"

#include "engine/source/ignore_regex.h"

#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "engine/source/ignore_program.h"

#define RUNE_MAX 0x10ffff
#define REPEAT_MAX 1000 /* Go's limit */
#define STEPS_MAX 65536

static struct step *add_step(struct ignore_regex *regex, enum op op)
{
	mem_reserve(&regex->steps, &regex->cap, regex->len + 1, sizeof(*regex->steps));
	regex->steps[regex->len].op = op;
	regex->steps[regex->len].first = regex->ranges_len;
	return &regex->steps[regex->len++];
}

static void add_range(struct ignore_regex *regex, uint32_t lo, uint32_t hi)
{
	mem_reserve(&regex->ranges, &regex->ranges_cap, regex->ranges_len + 1, sizeof(*regex->ranges));
	regex->ranges[regex->ranges_len++] = (struct rune_range){ lo, hi };
}

/* Adds the ranges given by `pairs` (two characters each), or their complement. */
static void ignore_compile_add_pairs(struct ignore_regex *regex, const char *pairs, bool negated)
{
	uint32_t next = 0;

	/* the pairs are in ascending order, so what lies between them is the complement */
	for (; *pairs; pairs += 2) {
		unsigned char lo = (unsigned char)pairs[0], hi = (unsigned char)pairs[1];

		if (!negated)
			add_range(regex, lo, hi);
		else if (lo > next)
			add_range(regex, next, lo - 1U);
		next = hi + 1U;
	}
	if (negated)
		add_range(regex, next, RUNE_MAX);
}

static bool add_perl(struct ignore_regex *regex, uint32_t rune)
{
	switch (rune) {
	case 'd':
		ignore_compile_add_pairs(regex, "09", false);
		return true;
	case 'D':
		ignore_compile_add_pairs(regex, "09", true);
		return true;
	case 's':
		ignore_compile_add_pairs(regex, "\t\n\f\r  ", false);
		return true;
	case 'S':
		ignore_compile_add_pairs(regex, "\t\n\f\r  ", true);
		return true;
	case 'w':
		ignore_compile_add_pairs(regex, "09AZ__az", false);
		return true;
	case 'W':
		ignore_compile_add_pairs(regex, "09AZ__az", true);
		return true;
	default:
		return false;
	}
}

static bool ignore_compile_is_alnum(uint32_t rune)
{
	return (rune >= '0' && rune <= '9') || (rune >= 'a' && rune <= 'z') || (rune >= 'A' && rune <= 'Z');
}

/* The character that "\rune" means. */
static bool ignore_compile_unescape(uint32_t rune, uint32_t *ret, const char **ret_why)
{
	static const char from[] = "afnrtv", to[] = "\a\f\n\r\t\v";
	const char *at = rune < 0x80 && rune ? strchr(from, (int)rune) : NULL;

	if (at)
		*ret = (unsigned char)to[at - from];
	else if (rune < 0x80 && !ignore_compile_is_alnum(rune))
		*ret = rune;
	else if (rune < 0x80 && rune && strchr("pPxQEC01234567", (int)rune)) {
		*ret_why = "this escape is not supported";
		return false;
	} else {
		*ret_why = "this escape is unknown";
		return false;
	}
	return true;
}

/* "[:name:]" at `runes`; returns its length, 0 when it is not one, -1 when the name is unknown. */
static long posix_class(struct ignore_regex *regex, const uint32_t *runes, size_t len)
{
	static const struct {
		const char *name, *pairs;
	} classes[] = {
		{ "alnum", "09AZaz" },
		{ "alpha", "AZaz" },
		{ "ascii", "\1\x7f" },
		{ "blank", "\t\t  " },
		{ "cntrl", "\1\x1f\x7f\x7f" },
		{ "digit", "09" },
		{ "graph", "!~" },
		{ "lower", "az" },
		{ "print", " ~" },
		{ "punct", "!/:@[`{~" },
		{ "space", "\t\r  " },
		{ "upper", "AZ" },
		{ "word", "09AZ__az" },
		{ "xdigit", "09AFaf" },
	};
	char name[16];
	size_t n = 0, end = 2;
	bool negated;

	if (len < 4 || runes[0] != '[' || runes[1] != ':')
		return 0;
	while (end + 1 < len && !(runes[end] == ':' && runes[end + 1] == ']'))
		end++;
	if (end + 1 >= len)
		return 0;
	negated = runes[2] == '^';
	for (size_t i = negated ? 3 : 2; i < end && n < sizeof(name) - 1; i++)
		name[n++] = runes[i] < 0x80 ? (char)runes[i] : '?';
	name[n] = '\0';
	for (size_t i = 0; i < sizeof(classes) / sizeof(*classes); i++) {
		if (strcmp(name, classes[i].name) != 0)
			continue;
		ignore_compile_add_pairs(regex, classes[i].pairs, negated);
		return (long)end + 2;
	}
	return -1;
}

/* One character of a class, with escapes resolved. */
static bool ignore_compile_class_rune(const uint32_t *runes, size_t len, size_t *at, uint32_t *ret, const char **ret_why)
{
	if (*at >= len)
		return false;
	*ret = runes[(*at)++];
	if (*ret != '\\')
		return true;
	return *at < len && ignore_compile_unescape(runes[(*at)++], ret, ret_why);
}

/* Parses the class that begins with the '[' at *at; moves *at past its ']'. */
static bool add_class(struct ignore_regex *regex, const uint32_t *runes, size_t len, size_t *at, const char **ret_why)
{
	struct step *step = add_step(regex, OP_CLASS);
	size_t i = *at + 1;

	if (i < len && runes[i] == '^') {
		step->negated = true;
		i++;
	}
	for (bool first = true; first || (i < len && runes[i] != ']'); first = false) {
		long posix = i < len ? posix_class(regex, runes + i, len - i) : 0;
		uint32_t lo, hi;

		if (posix < 0)
			return false;
		i += (size_t)posix;
		if (posix > 0)
			continue;
		if (i + 1 < len && runes[i] == '\\' && add_perl(regex, runes[i + 1])) {
			i += 2;
			continue;
		}
		if (!ignore_compile_class_rune(runes, len, &i, &lo, ret_why))
			return false;
		hi = lo;
		if (i + 1 < len && runes[i] == '-' && runes[i + 1] != ']') {
			i++;
			if (!ignore_compile_class_rune(runes, len, &i, &hi, ret_why) || hi < lo)
				return false;
		}
		add_range(regex, lo, hi);
	}
	if (i >= len)
		return false;
	step->count = regex->ranges_len - step->first;
	*at = i + 1;
	return true;
}

static bool add_escape(struct ignore_regex *regex, uint32_t rune, const char **ret_why)
{
	struct step *step;

	switch (rune) {
	case 'A':
		add_step(regex, OP_BEGIN);
		return true;
	case 'z':
		add_step(regex, OP_END);
		return true;
	case 'b':
		add_step(regex, OP_BOUNDARY);
		return true;
	case 'B':
		add_step(regex, OP_NOBOUNDARY);
		return true;
	default:
		break;
	}
	step = add_step(regex, OP_CLASS);
	if (add_perl(regex, rune)) {
		step->count = regex->ranges_len - step->first;
		return true;
	}
	step->op = OP_RUNE;
	return ignore_compile_unescape(rune, &step->rune, ret_why);
}

/* "{2}", "{2,}" or "{2,3}" at `runes`: its length, 0 when it is plain text. */
static size_t read_repeat(const uint32_t *runes, size_t len, long *ret_min, long *ret_max)
{
	long numbers[2] = { -1, -1 };
	size_t i = 1, which = 0;

	for (; i < len && runes[i] != '}'; i++) {
		if (runes[i] == ',' && which == 0 && numbers[0] >= 0) {
			which = 1;
		} else if (runes[i] >= '0' && runes[i] <= '9' && numbers[which] != 0) {
			numbers[which] = (numbers[which] < 0 ? 0 : numbers[which]) * 10 + (long)(runes[i] - '0');
			if (numbers[which] > REPEAT_MAX)
				numbers[which] = REPEAT_MAX + 1;
		} else {
			return 0;
		}
	}
	if (i >= len || numbers[0] < 0)
		return 0;
	*ret_min = numbers[0];
	*ret_max = which ? numbers[1] : numbers[0];
	return i + 1;
}

/* Repeats the last step; a negative `max` is no limit. */
static bool repeat(struct ignore_regex *regex, long min, long max)
{
	struct step step = regex->steps[regex->len - 1];

	if (min > REPEAT_MAX || max > REPEAT_MAX || (max >= 0 && max < min) || step.star || step.optional ||
	    regex->len + REPEAT_MAX > STEPS_MAX)
		return false;
	regex->len--;
	for (long i = 0; i < (max < 0 ? min + 1 : max); i++) {
		mem_reserve(&regex->steps, &regex->cap, regex->len + 1, sizeof(*regex->steps));
		regex->steps[regex->len] = step;
		regex->steps[regex->len].star = max < 0 && i == min;
		regex->steps[regex->len++].optional = max >= 0 && i >= min;
	}
	return true;
}

/* What follows an atom: "*", a repetition, or nothing. */
static bool compile_suffix(struct ignore_regex *regex, const uint32_t *runes, size_t len, size_t *at, bool repeatable)
{
	size_t length, none = 0;
	long min, max;

	if (*at < len && runes[*at] == '*') {
		if (!repeatable)
			return false;
		regex->steps[regex->len - 1].star = true;
		++*at;
		repeatable = false;
	}
	if (*at >= len || runes[*at] != '{')
		return true;
	length = read_repeat(runes + *at, len - *at, &min, &max);
	if (length == 0)
		return true;
	if (!repeatable || !repeat(regex, min, max))
		return false;
	*at += length;
	if (*at < len && runes[*at] == '{')
		none = read_repeat(runes + *at, len - *at, &min, &max);
	return none == 0; /* a repetition of a repetition is refused */
}

/* "|": the alternative before it may end anywhere, the one after it may begin anywhere. */
static void compile_alternative(struct ignore_regex *regex, size_t *fork)
{
	add_step(regex, OP_ALL)->star = true;
	add_step(regex, OP_DONE);
	regex->steps[*fork].first = regex->len;
	*fork = regex->len;
	add_step(regex, OP_FORK);
	add_step(regex, OP_ALL)->star = true;
}

/* A repetition of the leading "^" (*at is 0 then), or of nothing, which is refused. Without the "^" a match may
 * begin anywhere. */
static bool compile_early_repeat(struct ignore_regex *regex, const uint32_t *runes, size_t len, size_t *at, bool atom)
{
	long min, max;
	size_t length = read_repeat(runes + *at, len - *at, &min, &max);

	if (length == 0)
		return true;
	if (!atom || min > REPEAT_MAX || max > REPEAT_MAX || (max >= 0 && max < min))
		return false;
	if (min == 0) {
		regex->steps[1].op = OP_ALL;
		regex->steps[1].star = true;
	}
	*at += length;
	return *at >= len || runes[*at] != '{' || read_repeat(runes + *at, len - *at, &min, &max) == 0;
}

static bool compile(struct ignore_regex *regex, const uint32_t *runes, size_t len, const char **ret_why)
{
	bool atom = true; /* the leading "^" counts as an atom */
	size_t fork = 0;

	add_step(regex, OP_FORK);
	add_step(regex, OP_BEGIN);
	for (size_t i = 0; i < len;) {
		bool repeatable = true;

		switch (runes[i]) {
		case '\\':
			if (i + 1 >= len || !add_escape(regex, runes[i + 1], ret_why))
				return false;
			i += 2;
			break;
		case '[':
			if (!add_class(regex, runes, len, &i, ret_why))
				return false;
			break;
		case '(': /* only ever the optional group */
			add_step(regex, OP_ENTER);
			add_step(regex, OP_LOOP);
			i += strlen("(.*/)?");
			repeatable = false;
			break;
		case '.':
			add_step(regex, OP_ANY);
			i++;
			break;
		case '^':
			add_step(regex, OP_BEGIN);
			i++;
			break;
		case '|':
			compile_alternative(regex, &fork);
			i++;
			atom = false;
			continue;
		case '{':
			if (i == 0 || !atom) {
				if (!compile_early_repeat(regex, runes, len, &i, atom))
					return false;
				if (i > 0 && runes[i - 1] == '}')
					continue;
			}
			add_step(regex, OP_RUNE)->rune = runes[i++];
			break;
		default:
			add_step(regex, OP_RUNE)->rune = runes[i++];
			break;
		}
		atom = true;
		if (!compile_suffix(regex, runes, len, &i, repeatable))
			return false;
	}
	add_step(regex, OP_END);
	add_step(regex, OP_DONE);
	regex->steps[fork].first = regex->len;
	return true;
}

static bool ignore_compile_literal(const struct step *step)
{
	return step->op == OP_RUNE && !step->star && !step->optional && step->rune < 0x80;
}

/* The fixed prefix and suffix of every match; empty when there are alternatives. */
static void find_literals(struct ignore_regex *regex)
{
	/* skip OP_FORK and OP_BEGIN in front, OP_END and OP_DONE at the end */
	size_t first = 2, end = regex->len - 2, n = 0;

	if (regex->steps[0].first != regex->len || regex->steps[1].op != OP_BEGIN)
		return;
	while (first + n < end && n < sizeof(regex->head) && ignore_compile_literal(&regex->steps[first + n])) {
		regex->head[n] = (char)regex->steps[first + n].rune;
		n++;
	}
	regex->head_len = n;
	n = 0;
	while (first + n < end && n < sizeof(regex->tail) && ignore_compile_literal(&regex->steps[end - 1 - n]))
		n++;
	for (size_t i = 0; i < n; i++)
		regex->tail[i] = (char)regex->steps[end - n + i].rune;
	regex->tail_len = n;
}

struct ignore_regex *ignore_regex_new(const uint32_t *runes, size_t len, const char **ret_why)
{
	struct ignore_regex *regex = mem_alloc(sizeof(*regex));

	*ret_why = "syntax error in pattern";
	if (!compile(regex, runes, len, ret_why)) {
		ignore_regex_free(regex);
		return NULL;
	}
	find_literals(regex);
	return regex;
}

void ignore_regex_free(struct ignore_regex *regex)
{
	if (!regex)
		return;
	free(regex->steps);
	free(regex->ranges);
	free(regex);
}
