#ifndef ENGINE_REGISTRY_MIRROR_H
#define ENGINE_REGISTRY_MIRROR_H

#include <stdbool.h>

struct error;
struct places;
struct ref;
struct registry;

/* Where an image is looked for: first the mirrors that the manifest names, then those of registries.conf, then those of hosts.toml, then the
 * registry itself. `bare`: the name, if it was written without a registry, or NULL; registries.conf may say of which ones it is. `by_digest`: it is
 * asked for by its digest. places_free. */
int mirrors_find(struct registry *registry, const struct ref *own, const char *bare, bool by_digest, struct places *ret,
		 struct error **err);
/* The manifest of that digest is in the repository `where`, and all blobs that it names. */
bool mirror_has_image(struct registry *registry, const struct ref *where, const char *digest);

#endif
