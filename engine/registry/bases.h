#ifndef ENGINE_REGISTRY_BASES_H
#define ENGINE_REGISTRY_BASES_H

#include "engine/registry/client.h"

struct error;
struct lock_entry;
struct platform;

/* What base images are, as their registries have them now; each is asked for once, and its mirrors (the manifest's `mirrors`)
 * before its registry. Thread-safe. Errors are ERROR_REGISTRY. */
struct bases;

struct bases *bases_new(struct registry *registry);
void bases_free(struct bases *bases); /* NULL-safe */

/* The digest and the platforms of a reference. Borrowed from `bases`. */
int bases_find(struct bases *bases, const char *reference, const struct lock_entry **ret, struct error **err);

/* The ONBUILD instructions in the image's config for the platform, as dockerfile_options.triggers gives them. `digest`: of the
 * platform's manifest, when it is known already, or NULL. Each is asked about once; borrowed from `bases`. */
int bases_onbuild(struct bases *bases, const char *reference, const struct platform *platform, const char *digest,
		  const char **ret, struct error **err);
/* What was answered before: DOCKERFILE_UNTOLD in a line when that was in vain, NULL when nobody has asked. */
const char *bases_known_onbuild(struct bases *bases, const char *reference, const struct platform *platform);

/* How a builder gets at one. */
struct base_pull {
	char *reference;    /* "mirror.lan/library/debian@sha256:..." */
	const char *digest; /* its end: the manifest of the platform */
	struct registry_trust trust;
};
/* `locked`: the platform's manifest when that is known already, then the network is used only to find out whether a mirror
 * has it; else NULL. */
int bases_pull(struct bases *bases, const char *reference, const struct platform *platform, const char *locked,
	       struct base_pull *ret, struct error **err);
void base_pull_free(struct base_pull *pull); /* the texts */

#endif
