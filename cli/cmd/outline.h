#ifndef CLI_CMD_OUTLINE_H
#define CLI_CMD_OUTLINE_H

#include <stddef.h>

struct error;
struct options;

/* Prints of these targets (NULL-terminated) what their `call` asks: what a build of them can be given, or their Dockerfile's stages. As
 * `buildx bake` prints it. Nothing is built, and no builder asked. */
int outline_named(const struct options *options, const char **targets, size_t len, struct error **err);

#endif
