#ifndef ENGINE_SOURCE_DOCKERFILE_ASKS_H
#define ENGINE_SOURCE_DOCKERFILE_ASKS_H

#include <stddef.h>

#include "engine/source/dockerfile.h"

struct arena;
struct globals;
struct names;

/* Collects what a build can be given (dockerfile_use.asks), as BuildKit's frontend.outline does. Everything lives in the arena. */
struct ask_list {
	struct dockerfile_ask *items;
	size_t *stages; /* of each */
	size_t len, cap;
};

struct asks {
	struct arena *arena;
	struct ask_list lists[ASK_KINDS];
};

/* Of the stage with this number. */
void asks_add(struct asks *asks, enum ask_kind kind, size_t stage, const struct dockerfile_ask *ask);
/* Those of the ARGs before the first FROM that are `used`: they count where no stage declares them itself. */
void asks_add_globals(struct asks *asks, const struct dockerfile *dockerfile, struct globals *globals,
		      const struct names *used);
/* Keeps of each name that of the stage with the lowest rank, by line. */
void asks_done(struct asks *asks, const size_t *ranks);

#endif
