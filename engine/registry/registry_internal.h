#ifndef ENGINE_REGISTRY_REGISTRY_INTERNAL_H
#define ENGINE_REGISTRY_REGISTRY_INTERNAL_H

#include <stdbool.h>

#include "engine/registry/auth.h"
#include "engine/registry/client.h"

struct claims;
struct endpoint;

/* The client's inside, for engine/registry/ alone. */

/* A repository as it is talked to. */
struct spot {
	struct endpoint *endpoint;
	char *scopes;
	struct auth_want want; /* points to `scopes` and the reference */
};

/* `from`: another repository of the registry that may be read as well, or NULL. */
int spot_find(struct registry *registry, const struct ref *ref, bool push, const char *from, struct spot *ret,
	      struct error **err);
void spot_free(struct spot *spot);
#define cleanup_spot __attribute__((cleanup(spot_free)))

/* Which blobs are where in the registries, as far as this client knows. */
struct claims *registry_claims(struct registry *registry);

#endif
