#ifndef ENGINE_REGISTRY_SIGNED_BASE_H
#define ENGINE_REGISTRY_SIGNED_BASE_H

#include <stdbool.h>

struct bases;
struct error;
struct lockfile;
struct manifest;
struct registry;

/* The manifest's `policy: {signed: ...}`: base images that must be signed. */

/* Whether the policy names the image: then only a registry's will do, no engine's own. */
bool signed_base_wanted(const struct manifest *manifest, const char *reference);

struct signed_base {
	struct registry *registry;
	struct bases *bases;
	const struct manifest *manifest;
	const struct lockfile *lock; /* or NULL */
	const char *reference;       /* as the Dockerfile has it, with registry */
	const char *pulled;          /* "mirror.lan/library/debian@sha256:...": what is built on */
};
/* ERROR_BUILD unless the policy names no key for it, or that key has signed what is pulled, or the index that it is a member of. */
int signed_base_check(const struct signed_base *base, struct error **err);

#endif
