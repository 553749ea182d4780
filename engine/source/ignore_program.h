#ifndef ENGINE_SOURCE_IGNORE_PROGRAM_H
#define ENGINE_SOURCE_IGNORE_PROGRAM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* The program that ignore_compile.c produces and ignore_regex.c runs over a path. */

enum op {
	OP_RUNE,       /* one code point */
	OP_ANY,        /* any but a newline */
	OP_CLASS,      /* one of the ranges */
	OP_BEGIN,      /* the beginning of the path */
	OP_END,        /* its end */
	OP_BOUNDARY,   /* \b */
	OP_NOBOUNDARY, /* \B */
	OP_ALL,        /* any code point: the part before or after an alternative that is not anchored */
	OP_FORK,       /* continue at the next alternative as well */
	OP_DONE,       /* an alternative is complete */
	OP_ENTER,      /* "(.*" "/)?": continue after the group, or enter it */
	OP_LOOP        /* inside the group: leave it at any '/' */
};

struct rune_range {
	uint32_t lo, hi;
};

struct step {
	enum op op;
	bool star;
	bool optional;
	bool negated;
	uint32_t rune;
	size_t first, count; /* of `ranges`; OP_FORK: where the next alternative begins */
};

struct ignore_regex {
	struct step *steps;
	size_t len, cap;
	struct rune_range *ranges;
	size_t ranges_len, ranges_cap;
	/* literal bytes at the beginning and end of every match, which rule out most paths */
	char head[32], tail[32];
	size_t head_len, tail_len;
};

#endif
