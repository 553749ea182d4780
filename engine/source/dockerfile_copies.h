#ifndef ENGINE_SOURCE_DOCKERFILE_COPIES_H
#define ENGINE_SOURCE_DOCKERFILE_COPIES_H

#include <stdbool.h>
#include <stddef.h>

struct arena;
struct dockerfile;

/* A source of the main context that an instruction copies. */
struct dockerfile_copy {
	const char *source; /* relative and cleaned, "." for all of it; or a pattern (glob.h) */
	/* Where a plain COPY of the target's own layers, after which nothing runs, puts it: absolute, with a slash at its end where that was
	 * written or is meant. NULL: a later step may use what is copied, or its place or attributes are not those of a plain copy. */
	const char *target;
};

/* All that the Dockerfile's stages copy, whether the target (NULL: the last stage) needs them or not; a base's ONBUILD is not looked at.
 * Everything lives in the arena or the Dockerfile. False: some of it cannot be told. */
bool dockerfile_copies(const struct dockerfile *dockerfile, const char *target, struct arena *arena,
		       struct dockerfile_copy **ret, size_t *ret_len);

#endif
