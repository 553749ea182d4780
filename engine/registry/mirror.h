#ifndef ENGINE_REGISTRY_MIRROR_H
#define ENGINE_REGISTRY_MIRROR_H

#include <stdbool.h>

struct ref;
struct registry;

/* Other places for the images of a registry. */

/* The repository of `own` at the mirror "host" or "host/path"; ref_free. */
void mirror_ref(const struct ref *own, const char *mirror, struct ref *ret);
/* The manifest of that digest is in the repository `where`, and all blobs that it names. */
bool mirror_has_image(struct registry *registry, const struct ref *where, const char *digest);

#endif
