#include "config.h"

#include <sys/stat.h>

#include "base/error.h"
#include "base/fs.h"
#include "base/mem.h"
#include "engine/oci/blob.h"
#include "engine/oci/document.h"
#include "engine/oci/layout.h"

const char *layout_dir(const struct layout *layout)
{
	return layout->dir;
}

char *layout_blob_path(const struct layout *layout, const char *digest)
{
	return path_join(layout->blobs, digest_hex(digest));
}

void layout_note(struct layout *layout, struct error *error)
{
	pthread_mutex_lock(&layout->lock);
	if (error && !layout->unseen && error_unreadable(error))
		layout->unseen = steal_ptr(error);
	pthread_mutex_unlock(&layout->lock);
	error_free(error);
}

bool layout_has(struct layout *layout, const char *digest, uint64_t size)
{
	cleanup_free char *path = NULL;
	struct error *error = NULL;
	struct stat st;
	int r;

	if (!digest_valid(digest))
		return false;
	path = layout_blob_path(layout, digest);
	r = fs_find(path, &st, &error);
	layout_note(layout, error);
	return r > 0 && S_ISREG(st.st_mode) && (size == UINT64_MAX || (uint64_t)st.st_size == size);
}

int layout_read(struct layout *layout, const char *digest, struct buf *ret, struct error **err)
{
	cleanup_free char *path = NULL;

	if (!digest_valid(digest))
		return document_refuse_digest(layout->dir, digest, err);
	path = layout_blob_path(layout, digest);
	return document_read(path, digest, ret, err);
}
