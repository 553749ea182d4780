#include "config.h"

#include "engine/oci/nydus.h"

#include <stdlib.h>

#include "base/buf.h"
#include "base/error.h"
#include "base/mem.h"
#include "engine/oci/archive.h"
#include "engine/oci/blob.h"
#include "engine/oci/layout.h"
#include "engine/oci/nydus_blob.h"
#include "engine/oci/rafs.h"

/* Merges the blobs' trees into `rafs`. */
static int nydus_merge(struct layout *layout, const char *const *blobs, size_t blobs_len, struct arena *arena,
		       struct rafs *rafs, struct error **err)
{
	for (size_t i = 0; i < blobs_len; i++) {
		cleanup_free char *path = layout_blob_path(layout, blobs[i]);
		cleanup_rafs struct rafs *layer = NULL;

		if (nydus_blob_read(path, blobs[i], arena, &layer, err) < 0)
			return -1;
		rafs_merge(rafs, layer);
	}
	return 0;
}

static int make_bootstrap(struct layout *layout, const char *const *blobs, size_t blobs_len, struct buf *ret,
			  struct error **err)
{
	struct arena *arena = arena_new();
	struct rafs *rafs = rafs_new(arena);
	int r = nydus_merge(layout, blobs, blobs_len, arena, rafs, err) < 0 || rafs_write(rafs, false, ret, err) < 0 ? -1
														     : 0;

	rafs_free(rafs);
	arena_free(arena);
	return r;
}

/* ---- the layer ---- */

struct nydus_sink {
	struct blob_writer *writer;
	uint64_t size;
};

static int nydus_take_packed(void *data, const void *bytes, size_t len, struct error **err)
{
	struct nydus_sink *sink = data;

	sink->size += len;
	return blob_writer_add(sink->writer, bytes, len, err);
}

static int nydus_put(struct packer *packer, struct sha256 *diff, const void *data, size_t len, struct error **err)
{
	sha256_add(diff, data, len);
	return packer_add(packer, data, len, err);
}

static int put_tar(struct packer *packer, struct sha256 *diff, const struct buf *bootstrap, struct error **err)
{
	static const char zeros[2 * TAR_BLOCK];
	char block[TAR_BLOCK];

	tar_head_make("image/", '5', 0, block);
	if (nydus_put(packer, diff, block, sizeof(block), err) < 0)
		return -1;
	tar_head_make("image/image.boot", '0', bootstrap->len, block);
	return nydus_put(packer, diff, block, sizeof(block), err) < 0 ||
			       nydus_put(packer, diff, bootstrap->data, bootstrap->len, err) < 0 ||
			       nydus_put(packer, diff, zeros, tar_head_padding(bootstrap->len), err) < 0 ||
			       nydus_put(packer, diff, zeros, sizeof(zeros), err) < 0
		       ? -1
		       : 0;
}

static int write_layer(struct layout *layout, const struct buf *bootstrap, struct nydus_bootstrap *ret, struct error **err)
{
	cleanup_blob_writer struct blob_writer *writer = NULL;
	cleanup_packer struct packer *packer = NULL; /* freed first: it may still write to the writer */
	cleanup_sha256 struct sha256 *diff = NULL;
	struct nydus_sink sink = { 0 };

	if (sha256_new(&diff, err) < 0 || blob_writer_new(layout, &writer, err) < 0)
		return -1;
	sink.writer = writer;
	if (packer_new(PACKING_GZIP, nydus_take_packed, &sink, &packer, err) < 0 ||
	    put_tar(packer, diff, bootstrap, err) < 0 || packer_end(packer, err) < 0 ||
	    blob_writer_publish(writer, NULL, "the file tree of a nydus image", ret->digest, err) < 0)
		return -1;
	sha256_done(diff, ret->diff_id);
	ret->size = sink.size;
	return digest_valid(ret->diff_id) ? 0 : error_make(err, ERROR_INTERNAL, "cannot compute a sha256");
}

int nydus_bootstrap_make(struct layout *layout, const char *const *blobs, size_t blobs_len, struct nydus_bootstrap *ret,
			 struct error **err)
{
	cleanup_buf struct buf bootstrap = { 0 };

	return make_bootstrap(layout, blobs, blobs_len, &bootstrap, err) < 0 ? -1
									     : write_layer(layout, &bootstrap, ret, err);
}
