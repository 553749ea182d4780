#ifndef ENGINE_REGISTRY_REGISTRY_INTERNAL_H
#define ENGINE_REGISTRY_REGISTRY_INTERNAL_H

#include <stdbool.h>

#include "engine/registry/auth.h"
#include "engine/registry/client.h"

struct claims;
struct endpoint;
struct hosts_toml;
struct registries_conf;
struct registry_spec;

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

/* The manifest's settings for a registry, or NULL. */
const struct registry_spec *registry_settings(const struct registry *registry, const char *domain);

/* What this machine's files say of registries; read once, when the first registry is talked to. NULL: they cannot be read. */
struct registry_files {
	struct registries_conf *conf;
	struct hosts_toml *hosts;
};
const struct registry_files *registry_files(struct registry *registry, struct error **err);

/* Which blobs are in which repositories, as far as this client knows. */
struct claims *registry_claims(struct registry *registry);

#endif
