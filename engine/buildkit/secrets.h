#ifndef ENGINE_BUILDKIT_SECRETS_H
#define ENGINE_BUILDKIT_SECRETS_H

#include <stddef.h>

#include "engine/buildkit/grpc.h"

/* moby.buildkit.secrets.v1.Secrets: secrets that RUN steps may mount. Read on request, and never stored. */
#define SECRET_MAX ((size_t)500 * 1024) /* bytes: BuildKit's own limit */

struct secret_source {
	const char *id;
	const char *file;  /* path, or NULL: */
	const char *value; /* the secret itself */
};
struct secret_list {
	const struct secret_source *sources;
	size_t len;
};
/* The list is borrowed. */
struct grpc_method secrets_method(const struct secret_list *list);

#endif
