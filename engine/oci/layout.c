#include "config.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/error.h"
#include "base/fs.h"
#include "base/mem.h"
#include "engine/oci/blob.h"
#include "engine/oci/document.h"
#include "engine/oci/layout.h"
#include "engine/oci/reach.h"

#define MARKER_MAX 4096 /* bytes of the file oci-layout */

/* The marker is the same in every layout. */
static int check_marker(const char *path, bool *ret_good, struct error **err)
{
	cleanup_buf struct buf text = { 0 };
	cleanup_error struct error *error = NULL;
	bool found;

	if (fs_read_if(path, MARKER_MAX, &text, &found, &error) < 0 && error_unreadable(error))
		return error_move(err, &error);
	*ret_good = text.len == strlen(OCI_LAYOUT_TEXT) && memcmp(text.data, OCI_LAYOUT_TEXT, text.len) == 0;
	return 0;
}

static int mend_marker(const char *path, struct error **err)
{
	bool good;

	if (check_marker(path, &good, err) < 0)
		return -1;
	if (good)
		return 0;
	if (fs_put_aside(path, err) < 0)
		return -1;
	return fs_replace(path, OCI_LAYOUT_TEXT, strlen(OCI_LAYOUT_TEXT), 0644, err);
}

int layout_open(const char *dir, bool create, struct layout **ret, struct error **err)
{
	struct layout *layout = mem_alloc(sizeof(*layout));
	cleanup_free char *marker = path_join(dir, "oci-layout");
	struct stat st;
	bool good;
	int there;

	layout->dir = mem_strdup(dir);
	layout->blobs = mem_printf("%s/blobs/sha256", dir);
	layout->session_fd = -1;
	pthread_mutex_init(&layout->lock, NULL);
	if (create && (fs_mkdirs(layout->blobs, 0755, err) < 0 || mend_marker(marker, err) < 0))
		goto fail;
	there = fs_find(layout->blobs, &st, err);
	if (there == 0)
		error_make(err, ERROR_STATE, "%s: no image layout is there", dir);
	if (there <= 0 || check_marker(marker, &good, err) < 0)
		goto fail;
	layout->damaged = !good;
	*ret = layout;
	return 0;
fail:
	layout_free(layout);
	return -1;
}

bool layout_damaged(const struct layout *layout)
{
	return layout->damaged;
}

void layout_free(struct layout *layout)
{
	if (!layout)
		return;
	blob_session_end(layout);
	pthread_mutex_destroy(&layout->lock);
	error_free(layout->unseen);
	free(layout->dir);
	free(layout->blobs);
	free(layout);
}

void layout_cleanup(struct layout **layout)
{
	layout_free(*layout);
}

int layout_staging(struct layout *layout, char **ret, struct error **err)
{
	cleanup_free char *path = NULL;

	if (blob_temp_path(layout, &path, err) < 0)
		return -1;
	if (mkdir(path, 0755) < 0)
		return error_errno(err, ERROR_STATE, errno, "%s: cannot create", path);
	*ret = steal_ptr(path);
	return 0;
}

int layout_seen(struct layout *layout, struct error **err)
{
	int r = 0;

	pthread_mutex_lock(&layout->lock);
	if (layout->unseen)
		r = error_copy(err, layout->unseen);
	pthread_mutex_unlock(&layout->lock);
	return r;
}

bool layout_complete(struct layout *layout, const char *manifest_digest)
{
	struct reach reach = { 0 };
	struct error *error = NULL;
	bool told, complete = reach_image(layout, manifest_digest, &told);

	if (told)
		return complete;
	complete = reach_collect(layout, manifest_digest, REACH_QUICK, &reach, &error) == 0;
	layout_note(layout, error);
	reach_free(&reach);
	return complete;
}

int layout_write(struct layout *layout, const void *data, size_t len, char ret_digest[DIGEST_LEN + 1], struct error **err)
{
	cleanup_blob_writer struct blob_writer *writer = NULL;
	cleanup_buf struct buf there = { 0 };
	char digest[DIGEST_LEN + 1];

	if (digest_bytes(data, len, digest, err) < 0)
		return -1;
	/* A blob that was damaged on disk is written again. */
	if (!layout_has(layout, digest, len) || layout_read(layout, digest, &there, NULL) < 0) {
		if (blob_writer_new(layout, &writer, err) < 0 || blob_writer_add(writer, data, len, err) < 0 ||
		    blob_writer_publish(writer, digest, layout->dir, digest, err) < 0)
			return -1;
	}
	if (blob_sync(layout, err) < 0)
		return -1;
	memcpy(ret_digest, digest, sizeof(digest));
	return 0;
}

int layout_adopt(struct layout *layout, const char *path, const char *digest, uint64_t size, struct error **err)
{
	return blob_adopt(layout, path, digest, size, err) < 0 ? -1 : blob_sync(layout, err);
}
