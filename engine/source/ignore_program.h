#ifndef ENGINE_SOURCE_IGNORE_PROGRAM_H
#define ENGINE_SOURCE_IGNORE_PROGRAM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* What ignore_compile.c makes of an expression and ignore_regex.c runs over a path. */

enum op {
	OP_RUNE,       /* one code point */
	OP_ANY,        /* any but a newline */
	OP_CLASS,      /* one of the ranges */
	OP_BEGIN,      /* the beginning of the path */
	OP_END,        /* its end */
	OP_BOUNDARY,   /* \b */
	OP_NOBOUNDARY, /* \B */
	OP_ALL,        /* any code point: what an alternative leaves open before or behind it */
	OP_FORK,       /* goes on at the next alternative as well */
	OP_DONE,       /* an alternative is complete */
	OP_ENTER,      /* "(.*" "/)?": go on behind the group, or into it */
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
	/* literal bytes that every match begins and ends with: most paths are turned down by them */
	char head[32], tail[32];
	size_t head_len, tail_len;
};

#endif
