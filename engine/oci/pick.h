#ifndef ENGINE_OCI_PICK_H
#define ENGINE_OCI_PICK_H

#include <stddef.h>

#include "engine/oci/image.h"

struct buf;
struct error;
struct layout;

/* Which of the images that a layout's index.json leads to is the one for a platform. */

/* Reads the verified text of a blob of the layout, wherever it lies. */
typedef int pick_read(void *data, const char *digest, struct buf *ret, struct error **err);

/* The first image for `platform` (NULL: the first there is) below the index `text`, through nested indexes;
 * attestations are left aside, but ret_attestation (may be NULL) is the manifest of the one beside that image which is about
 * it, or "". ret->media_type is the caller's. ERROR_STATE when there is none, and the
 * message names the platforms that are there. */
int pick_image(const char *text, size_t len, const char *name, const struct platform *platform, pick_read *read,
	       void *data, struct descriptor *ret, char ret_attestation[DIGEST_LEN + 1], struct error **err);

/* Of what is in the store under `digest`, an image or an index: as pick_image. */
int pick_stored(struct layout *layout, const char *digest, const struct platform *platform,
		char ret_digest[DIGEST_LEN + 1], char ret_attestation[DIGEST_LEN + 1], struct error **err);

#endif
