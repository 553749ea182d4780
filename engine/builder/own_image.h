#ifndef ENGINE_BUILDER_OWN_IMAGE_H
#define ENGINE_BUILDER_OWN_IMAGE_H

#include <stdbool.h>

#include "base/digest.h"
#include "engine/registry/base_config.h"

struct platform;
struct state;

/* What the engine of a builder has under a name, whatever a registry has. */
struct own_image {
	char id[DIGEST_LEN + 1];   /* of the platform's image, as this engine tells images apart */
	struct base_config config; /* what it gives to builds on it */
	char *user;                /* "" when it sets none */
};
void own_image_free(struct own_image *image); /* the contents */

/* `engine`: builder_info.engine. False when it has none of that name for the platform, or does not answer. Starts no process. */
bool own_image_find(const char *engine, const char *reference, const struct platform *platform, struct own_image *ret);

#endif
