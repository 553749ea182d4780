#ifndef ENGINE_OCI_PICK_H
#define ENGINE_OCI_PICK_H

#include <stddef.h>

#include "engine/oci/image.h"

struct buf;
struct error;
struct layout;

/* Selects the image for a platform among those that a layout's index.json leads to. */

/* Reads the verified text of a blob, wherever the layout keeps it. */
typedef int pick_read(void *data, const char *digest, struct buf *ret, struct error **err);

/* The first image for `platform` (NULL: any) below the index `text`, through nested indexes. Attestations are
 * skipped; ret_attestation (may be NULL) is the digest of the attestation manifest next to that image, or "". The
 * caller owns ret->media_type. ERROR_STATE when there is none; the message names the platforms that were found. */
int pick_image(const char *text, size_t len, const char *name, const struct platform *platform, pick_read *read,
	       void *data, struct descriptor *ret, char ret_attestation[DIGEST_LEN + 1], struct error **err);

/* The same for the image or index `digest` of the store. */
int pick_stored(struct layout *layout, const char *digest, const struct platform *platform,
		char ret_digest[DIGEST_LEN + 1], char ret_attestation[DIGEST_LEN + 1], struct error **err);

#endif
