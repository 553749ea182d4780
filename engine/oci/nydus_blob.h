#ifndef ENGINE_OCI_NYDUS_BLOB_H
#define ENGINE_OCI_NYDUS_BLOB_H

#include <stddef.h>

#include "base/digest.h"
#include "engine/oci/archive.h"

struct arena;
struct error;
struct rafs;

/*
 * A layer's blob in a nydus image: the content of its files in chunks that a runtime can read one by one, their
 * digests, and the layer's own file tree, each followed by a tar header that names it; at the end a table of contents.
 * The tar is read once, in pieces, and at most one chunk is held in memory.
 */
struct nydus_blob;

/* The sink gets the blob. ERROR_TOOL when this machine's libraries cannot do it. */
int nydus_blob_new(pack_sink *sink, void *data, struct nydus_blob **ret, struct error **err);
void nydus_blob_free(struct nydus_blob *blob); /* NULL-safe */
/* The next bytes of the uncompressed tar. ERROR_STATE when it is damaged, or has what nydus cannot hold (rafs.h). */
int nydus_blob_add(struct nydus_blob *blob, const void *data, size_t len, struct error **err);
int nydus_blob_end(struct nydus_blob *blob, struct error **err);

/* Reads the file tree from the blob in the file `path` whose digest is `digest`; rafs_free it. ERROR_STATE when it
 * is damaged. */
int nydus_blob_read(const char *path, const char *digest, struct arena *arena, struct rafs **ret, struct error **err);

void nydus_blob_cleanup(struct nydus_blob **blob);
#define cleanup_nydus_blob __attribute__((cleanup(nydus_blob_cleanup)))

#endif
