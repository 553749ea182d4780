#ifndef ENGINE_SOURCE_DOCKERFILE_OUTLINE_H
#define ENGINE_SOURCE_DOCKERFILE_OUTLINE_H

#include <stddef.h>

struct buf;
struct dockerfile;
struct dockerfile_use;

/* What people are told of a Dockerfile, as BuildKit's frontend prints it: what is described stands in a comment above the
 * instruction, behind its name. `text` is the Dockerfile's. */

/* What a build of `target` (NULL: the last stage) can be given. */
void dockerfile_outline(const struct dockerfile *dockerfile, const char *text, size_t len, const char *target,
			const struct dockerfile_use *use, struct buf *out);
/* The stages. */
void dockerfile_targets(const struct dockerfile *dockerfile, const char *text, size_t len, struct buf *out);

#endif
