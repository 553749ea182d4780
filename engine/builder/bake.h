#ifndef ENGINE_BUILDER_BAKE_H
#define ENGINE_BUILDER_BAKE_H

#include <stddef.h>

struct argv;
struct buf;
struct buildkit_target;
struct error;

/* A batch of jobs as one file for `docker buildx bake`: a target each. */

/* The file's text. Values of secrets go into `env`. `store`: the folder of cbuild's layout, absolute. ERROR_INTERNAL
 * for images that docker cannot be given. */
int bake_text(const char *store, const struct buildkit_target *targets, size_t len, struct buf *out, struct argv *env,
	      struct error **err);
/* Adds what is behind "docker buildx" to argv. */
void bake_argv(const char *instance, const char *file, const struct buildkit_target *targets, size_t len,
	       struct argv *argv);

/* What a step or an error is called without the target that it begins with: "[n3 build 2/5] RUN make" is "[build 2/5] RUN
 * make", "target n3: failed" is "failed". malloc'd. *ret_target: its number, or -1 when none is named. */
char *bake_name(const char *text, size_t len, long *ret_target);

#endif
