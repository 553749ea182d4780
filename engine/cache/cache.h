#ifndef ENGINE_CACHE_CACHE_H
#define ENGINE_CACHE_CACHE_H

#include <stdbool.h>
#include <stdint.h>

#include "base/digest.h"

struct error;
struct layout;
struct platform;
struct ref;
struct registry;

/*
 * Build results shared through a registry: under the tag cbuild-<key> of the image's own repository there is an index
 * with that one image, annotated with its key and the digest of its config. The key is sha256 (plan_cache_key).
 * Everything in it is verified before use.
 */
struct cache_entry {
	char identity[DIGEST_LEN + 1]; /* of the config */
	char digest[DIGEST_LEN + 1];   /* of the manifest */
	uint64_t size;                 /* bytes, compressed */
};

/* Looks up the key for the platform and fetches manifest and config into the store. 1, or 0 when there is nothing;
 * negative also for something invalid. */
int cache_find(struct registry *registry, struct layout *layout, const struct ref *where, const char *key,
	       const struct platform *platform, struct cache_entry *ret, struct error **err);
/* Fetches the layers. *ret_bytes: how much was fetched. */
int cache_fetch(struct registry *registry, struct layout *layout, const struct ref *where, const char *digest,
		uint64_t *ret_bytes, struct error **err);
/* Stores the image `digest` of the store under the key: its content, then the tag. An existing one is kept, unless
 * `again`. */
int cache_put(struct registry *registry, struct layout *layout, const struct ref *where, const char *key,
	      const struct platform *platform, const char *digest, bool again, struct error **err);

#endif
