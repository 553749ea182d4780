#include "config.h"

#include "engine/oci/layer_read.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "base/digest.h"
#include "base/error.h"
#include "base/fs.h"
#include "base/mem.h"
#include "engine/oci/image.h"
#include "engine/oci/layout.h"

static bool layer_ends_with(const char *s, const char *end)
{
	size_t len = strlen(s), end_len = strlen(end);

	return len >= end_len && strcmp(s + len - end_len, end) == 0;
}

enum packing layer_packing(const char *media_type)
{
	if (layer_ends_with(media_type, "zstd"))
		return PACKING_ZSTD;
	return layer_ends_with(media_type, "gzip") ? PACKING_GZIP : PACKING_NONE;
}

static int layer_pour(const struct layer_read *layer, int fd, struct unpacker *unpacker, struct sha256 *sha,
		      struct error **err)
{
	const void *data;
	size_t len;
	int r;

	while ((r = unpacker_read(unpacker, &data, &len, err)) > 0) {
		off_t at = lseek(fd, 0, SEEK_CUR);

		if (layer->cancelled && layer->cancelled(layer->data))
			return error_make(err, ERROR_CANCELLED, "interrupted");
		sha256_add(sha, data, len);
		if (layer->take(layer->data, data, len, err) < 0)
			return -1;
		if (layer->progress && at > 0)
			layer->progress(layer->data, (uint64_t)at);
	}
	return r;
}

int layer_read(const struct layer_read *layer, struct error **err)
{
	cleanup_free char *path = layout_blob_path(layer->layout, layer->blob->digest);
	cleanup_unpacker struct unpacker *unpacker = NULL;
	cleanup_sha256 struct sha256 *sha = NULL;
	cleanup_fd int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
	char found[DIGEST_LEN + 1];

	if (fd < 0)
		return error_errno(err, ERROR_STATE, errno, "%s: cannot open", path);
	if (sha256_new(&sha, err) < 0 ||
	    unpacker_new(fd, path, layer_packing(layer->blob->media_type), &unpacker, err) < 0 ||
	    layer_pour(layer, fd, unpacker, sha, err) < 0)
		return -1;
	sha256_done(sha, found);
	return strcmp(found, layer->diff_id) == 0
		       ? 0
		       : error_make(err, ERROR_STATE, "%s: uncompressed it is %s, but the config says %s",
				    layer->blob->digest, found, layer->diff_id);
}
