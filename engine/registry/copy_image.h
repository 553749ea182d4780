#ifndef ENGINE_REGISTRY_COPY_IMAGE_H
#define ENGINE_REGISTRY_COPY_IMAGE_H

#include <stddef.h>
#include <stdint.h>

struct error;
struct layout;
struct ref;
struct registry;

/* Copies what is in one repository to another, of any registry, by digest. */

struct copy_image {
	struct registry *registry;
	struct layout *layout;       /* has some of the blobs; or NULL */
	const struct ref *from, *to; /* domain and repository */
	uint64_t bytes;              /* sent; this and the next: results */
	size_t sent, mounted, there; /* blobs */
	size_t manifests, referrers; /* put there */
};

/* The index or manifest `digest` with all that it consists of. 1; 0: it is not in `from`. */
int copy_image(struct copy_image *copy, const char *digest, struct error **err);
/* Signatures, SBOMs and the like about `digest` and about the members of that index, which was copied: what refers to them, and what is
 * under cosign's tags. */
int copy_image_referrers(struct copy_image *copy, const char *digest, struct error **err);

#endif
