#ifndef ENGINE_REGISTRY_REFERRERS_H
#define ENGINE_REGISTRY_REFERRERS_H

#include <stddef.h>

#include "base/digest.h"

struct buf;
struct error;
struct json;
struct ref;
struct registry;

/* Artifacts about an image, whose manifests name it as their "subject" (distribution-spec, "Listing Referrers"). Registries without
 * that API keep the list under the tag sha256-HEX. */

/* The tag "sha256-HEX", with `suffix` (".sig"); malloc'd. */
char *referrers_tag(const char *digest, const char *suffix);
/* The descriptors of those about `digest` in the repository: an array, empty when there are none. */
int referrers_list(struct registry *registry, const struct ref *repository, const char *digest, struct json **ret,
		   struct error **err);
/* Puts an artifact's manifest, whose subject is `subject`, under `tag` (NULL: by digest), and sees to it that it is listed. Its blobs must
 * be there. */
int referrers_put(struct registry *registry, const struct ref *repository, const char *subject, const struct buf *text,
		  const char *tag, char ret_digest[DIGEST_LEN + 1], struct error **err);

#endif
