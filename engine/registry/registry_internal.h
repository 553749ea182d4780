#ifndef ENGINE_REGISTRY_REGISTRY_INTERNAL_H
#define ENGINE_REGISTRY_REGISTRY_INTERNAL_H

#include <stdbool.h>

#include "engine/registry/auth.h"
#include "engine/registry/client.h"

struct claims;
struct endpoint;

/* The client's internals, for engine/registry/ alone. */

/* The connection to one repository. */
struct spot {
	struct endpoint *endpoint;
	char *scopes;
	struct auth_want want; /* points to `scopes` and the reference */
};

/* `from`: another repository of the registry to read from, or NULL. */
int spot_find(struct registry *registry, const struct ref *ref, bool push, const char *from, struct spot *ret,
	      struct error **err);
void spot_free(struct spot *spot);
#define cleanup_spot __attribute__((cleanup(spot_free)))

/* Which blobs are in which repositories, as far as this client knows. */
struct claims *registry_claims(struct registry *registry);

#endif
