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
 * Results that builds share over a registry: under the tag cbuild-<key> of the image's own repository there is an index with
 * that one image, annotated with its key and the digest of its config. The key is sha256 (plan_cache_key). Nothing in it is
 * believed before it is compared.
 */
struct cache_entry {
	char identity[DIGEST_LEN + 1]; /* of the config */
	char digest[DIGEST_LEN + 1];   /* of the manifest */
	uint64_t size;                 /* bytes, compressed */
};

/* What is there under the key for the platform, its manifest and config brought into the store. 1, or 0 when there is nothing;
 * negative, too, for something that is not what it says. */
int cache_find(struct registry *registry, struct layout *layout, const struct ref *where, const char *key,
	       const struct platform *platform, struct cache_entry *ret, struct error **err);
/* Brings the layers. *ret_bytes: that were. */
int cache_fetch(struct registry *registry, struct layout *layout, const struct ref *where, const char *digest,
		uint64_t *ret_bytes, struct error **err);
/* Puts the store's image `digest` under the key: its content, then the tag. One that is there stays, unless `again`. */
int cache_put(struct registry *registry, struct layout *layout, const struct ref *where, const char *key,
	      const struct platform *platform, const char *digest, bool again, struct error **err);

#endif
