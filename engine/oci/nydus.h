#ifndef ENGINE_OCI_NYDUS_H
#define ENGINE_OCI_NYDUS_H

#include <stdint.h>

#include "base/digest.h"

struct error;
struct layout;

/* The last layer of a nydus image: the merged file tree of all its blobs (RAFS v6, in a tar as nydus-snapshotter
 * expects it). Equal blobs give an equal layer. */

#define NYDUS_BLOB_TYPE "application/vnd.oci.image.layer.nydus.blob.v1"
#define NYDUS_BLOB_NOTE "containerd.io/snapshot/nydus-blob"
#define NYDUS_BOOTSTRAP_NOTE "containerd.io/snapshot/nydus-bootstrap"
#define NYDUS_VERSION_NOTE "containerd.io/snapshot/nydus-fs-version"

struct nydus_bootstrap {
	char digest[DIGEST_LEN + 1]; /* of the layer, gzip */
	char diff_id[DIGEST_LEN + 1];
	uint64_t size; /* bytes of the layer */
};

/* Makes it from the blobs (digests, lowest layer first), which the store has, and puts it into the store; durable after blob_sync.
 * ERROR_STATE when a blob is damaged. */
int nydus_bootstrap_make(struct layout *layout, const char *const *blobs, size_t blobs_len, struct nydus_bootstrap *ret,
			 struct error **err);

#endif
