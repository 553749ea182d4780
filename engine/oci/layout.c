#include "config.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/error.h"
#include "base/fs.h"
#include "base/json.h"
#include "base/mem.h"
#include "engine/oci/blob.h"
#include "engine/oci/document.h"
#include "engine/oci/layout.h"
#include "engine/oci/reach.h"

#define MARKER_MAX 4096 /* bytes of the file oci-layout */

static int check_marker(const char *path, const struct buf *text, struct error **err)
{
	cleanup_json struct json *json = NULL;
	const char *version;

	if (json_parse(text->data, text->len, path, &json, err) < 0)
		return -1;
	version = json_str(json, "imageLayoutVersion");
	if (!version || strcmp(version, OCI_LAYOUT_VERSION) != 0)
		return error_make(err, ERROR_STATE, "%s: not an image layout of version " OCI_LAYOUT_VERSION, path);
	return 0;
}

/* index.json is made under its lock: another process may tag the moment it is there. */
static int create_index(const char *dir, struct error **err)
{
	cleanup_free char *path = path_join(dir, "index.json");
	cleanup_free char *lock_path = path_join(dir, OCI_LOCK);
	cleanup_free char *blobs = path_join(dir, "blobs");
	cleanup_buf struct buf text = { 0 };
	cleanup_fd int lock = -1;

	if (fs_exists(path))
		return 0;
	if (fs_lock(lock_path, true, &lock, err) < 0)
		return -1;
	if (fs_exists(path))
		return 0;
	document_dump_index(NULL, NULL, &text);
	if (fs_sync_dir(blobs, err) < 0)
		return -1;
	return fs_replace(path, text.data, text.len, 0644, err);
}

static int create(struct layout *layout, const char *marker, struct error **err)
{
	static const char text[] = OCI_LAYOUT_TEXT;

	if (fs_mkdirs(layout->blobs, 0755, err) < 0 || create_index(layout->dir, err) < 0)
		return -1;
	if (!fs_exists(marker) && fs_replace(marker, text, sizeof(text) - 1, 0644, err) < 0)
		return -1;
	return 0;
}

int layout_open(const char *dir, bool create_it, struct layout **ret, struct error **err)
{
	struct layout *layout = mem_alloc(sizeof(*layout));
	cleanup_free char *marker = path_join(dir, "oci-layout");
	cleanup_buf struct buf text = { 0 };
	bool found = false;

	layout->dir = mem_strdup(dir);
	layout->blobs = mem_printf("%s/blobs/sha256", dir);
	layout->session_fd = -1;
	pthread_mutex_init(&layout->lock, NULL);
	if (create_it && create(layout, marker, err) < 0)
		goto fail;
	if (fs_read_if(marker, MARKER_MAX, &text, &found, err) < 0)
		goto fail;
	if (!found) {
		error_make(err, ERROR_STATE, "%s: there is no image layout", dir);
		goto fail;
	}
	if (check_marker(marker, &text, err) < 0)
		goto fail;
	*ret = layout;
	return 0;
fail:
	layout_free(layout);
	return -1;
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

const char *layout_dir(const struct layout *layout)
{
	return layout->dir;
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

int layout_seen(struct layout *layout, struct error **err)
{
	int r = 0;

	pthread_mutex_lock(&layout->lock);
	if (layout->unseen)
		r = error_copy(err, layout->unseen);
	pthread_mutex_unlock(&layout->lock);
	return r;
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

int layout_read(struct layout *layout, const char *digest, struct buf *ret, struct error **err)
{
	cleanup_free char *path = NULL;

	if (!digest_valid(digest))
		return document_refuse_digest(layout->dir, digest, err);
	path = layout_blob_path(layout, digest);
	return document_read(path, digest, ret, err);
}

int layout_write(struct layout *layout, const void *data, size_t len, char ret_digest[DIGEST_LEN + 1], struct error **err)
{
	cleanup_blob_writer struct blob_writer *writer = NULL;
	cleanup_buf struct buf there = { 0 };
	char digest[DIGEST_LEN + 1];

	if (digest_bytes(data, len, digest, err) < 0)
		return -1;
	/* One that was damaged on the disk is written again. */
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
