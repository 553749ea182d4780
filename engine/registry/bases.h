#ifndef ENGINE_REGISTRY_BASES_H
#define ENGINE_REGISTRY_BASES_H

#include "engine/registry/client.h"

struct error;
struct lock_entry;
struct platform;

/* Base images as their registries have them now; each is looked up once, and mirrors (the manifest's `mirrors`)
 * come before the registry. Thread-safe. Errors are ERROR_REGISTRY. */
struct bases;
struct base_config;
struct credentials;

struct bases *bases_new(struct registry *registry);
void bases_free(struct bases *bases); /* NULL-safe */

/* The digest and the platforms of a reference. Borrowed from `bases`. */
int bases_find(struct bases *bases, const char *reference, const struct lock_entry **ret, struct error **err);

/* What the config of the image for the platform gives to builds on it. `digest`: of the platform's manifest if known, or NULL. Each is looked up once; borrowed from `bases`. */
int bases_config(struct bases *bases, const char *reference, const struct platform *platform, const char *digest,
		 const struct base_config **ret, struct error **err);
/* The earlier answer: BASE_UNTOLD if it failed, NULL if nobody asked. */
const struct base_config *bases_known_config(struct bases *bases, const char *reference, const struct platform *platform);
/* From who knows it from elsewhere: the answer for all who ask from now on. */
void bases_tell_config(struct bases *bases, const char *reference, const struct platform *platform,
		       const struct base_config *config);

/* Whether anything answers where the base would be asked for: one attempt to connect, of some seconds at most, a host and run.
 * ERROR_REGISTRY when not, and for what names no registry. */
int bases_reach(struct bases *bases, const char *reference, struct error **err);

/* True the first time for each: what is to be told of it is told once. */
bool bases_say_once(struct bases *bases, const char *reference);

/* How a builder pulls one. */
struct base_pull {
	char *reference;    /* "mirror.lan/library/debian@sha256:..." */
	const char *digest; /* the part after '@': the digest of the platform's manifest */
	struct registry_trust trust;
	const struct credentials *login; /* or NULL; borrowed from the client */
};
/* `locked`: the platform's manifest if known, or NULL. If it is known, the network is used only to find out whether
 * a mirror has it. */
int bases_pull(struct bases *bases, const char *reference, const struct platform *platform, const char *locked,
	       struct base_pull *ret, struct error **err);
void base_pull_free(struct base_pull *pull); /* the texts */

#endif
