#include "config.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/copy.h"
#include "base/error.h"
#include "base/fs.h"
#include "base/json.h"
#include "base/mem.h"
#include "base/ref.h"
#include "engine/oci/archive.h"
#include "engine/oci/document.h"
#include "engine/oci/layout.h"
#include "engine/oci/reach.h"

/* What docker and containerd call it: the whole name, with domain and tag. NULL for a name with a digest or
 * one that is not an image reference. */
static char *export_tar_full_name(const char *reference)
{
	struct ref ref = { 0 };
	char *name = NULL;

	if (!ref_parse(reference, &ref, NULL))
		return NULL;
	if (!ref.digest)
		name = mem_printf("%s/%s:%s", ref.domain, ref.repository, ref.tag ? ref.tag : "latest");
	ref_free(&ref);
	return name;
}

static struct json *index_entry(const struct descriptor *image, const char *reference, bool normalised)
{
	cleanup_free char *name = export_tar_full_name(reference);
	struct json *entry = document_descriptor(image, NULL);
	struct json *annotations = json_new_object();

	json_set_str(annotations, OCI_CONTAINERD_NAME, name);
	json_set_str(annotations, OCI_REF_NAME, normalised && name ? name : reference);
	json_set(entry, "annotations", annotations);
	return entry;
}

/* ---- a folder ---- */

static int export_tar_write_file(const char *path, const char *data, size_t len, struct error **err)
{
	cleanup_fd int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0644);

	if (fd < 0)
		return error_errno(err, ERROR_STATE, errno, "%s: cannot create", path);
	return fs_write_all(fd, data, len, path, err);
}

static int export_tar_link_blob(struct layout *layout, const char *blobs, const char *digest, struct error **err)
{
	cleanup_free char *from = layout_blob_path(layout, digest);
	cleanup_free char *to = path_join(blobs, digest_hex(digest));

	if (link(from, to) == 0 || errno == EEXIST)
		return 0;
	/* A different file system, one without hard links, or too many links. */
	return copy_file(from, to, err);
}

int layout_export(struct layout *layout, const char *digest, const char *reference, const char *dir, struct error **err)
{
	static const char marker[] = OCI_LAYOUT_TEXT;
	cleanup_free char *blobs = mem_printf("%s/blobs/sha256", dir);
	cleanup_free char *marker_path = path_join(dir, "oci-layout");
	cleanup_free char *index_path = path_join(dir, "index.json");
	cleanup_buf struct buf index = { 0 };
	struct reach reach = { 0 };
	int r = reach_collect(layout, digest, REACH_VERIFY, &reach, err);

	if (r == 0)
		r = fs_mkdirs(blobs, 0755, err);
	for (size_t i = 0; r == 0 && i < reach.len; i++)
		r = export_tar_link_blob(layout, blobs, reach.items[i].digest, err);
	if (r == 0) {
		struct json *list = json_new_array();

		json_append(list, index_entry(&reach.items[0], reference, false));
		document_dump_index(list, NULL, &index);
	}
	reach_free(&reach);
	if (r < 0 || export_tar_write_file(marker_path, marker, sizeof(marker) - 1, err) < 0)
		return -1;
	return export_tar_write_file(index_path, index.data, index.len, err);
}

/* ---- a tar ---- */

static void add_entries(struct json *list, const struct descriptor *image, const char *const *references, size_t len)
{
	for (size_t i = 0; i < len; i++)
		json_append(list, index_entry(image, references[i], true));
	if (len == 0)
		json_append(list, document_descriptor(image, NULL));
}

static char *blob_name(const char *digest)
{
	return mem_printf("blobs/sha256/%s", digest_hex(digest));
}

/* manifest.json, as written by docker save: for podman, and for docker without containerd's image store. */
static void dump_docker(const struct image *image, const char *const *references, size_t len, struct buf *out)
{
	cleanup_json struct json *list = json_new_array();
	struct json *entry = json_new_object();
	struct json *tags = json_new_array();
	struct json *layers = json_new_array();
	cleanup_free char *config = blob_name(image->config.digest);

	for (size_t i = 0; i < len; i++) {
		cleanup_free char *name = export_tar_full_name(references[i]);

		if (name)
			json_append(tags, json_new_string(name));
	}
	for (size_t i = 0; i < image->layers_len; i++) {
		cleanup_free char *name = blob_name(image->layers[i].digest);

		json_append(layers, json_new_string(name));
	}
	json_set_str(entry, "Config", config);
	json_set(entry, "RepoTags", tags);
	json_set(entry, "Layers", layers);
	json_append(list, entry);
	json_dump(list, JSON_CANONICAL, out);
}

/* The image described by manifest.json: the image itself, the only one of an index, or this machine's. */
static int find_docker_image(struct layout *layout, const struct reach *reach, struct image **ret, struct error **err)
{
	struct platform host;
	size_t images = 0;

	platform_host(&host);
	for (size_t i = 0; i < reach->len; i++) {
		cleanup_image struct image *image = NULL;

		if (!document_type_known(reach->items[i].media_type) ||
		    document_type_is_index(reach->items[i].media_type))
			continue;
		if (image_read(layout, reach->items[i].digest, &image, NULL) < 0)
			continue; /* an attestation */
		images++;
		if (!*ret || platform_equal(&image->platform, &host)) {
			image_free(*ret);
			*ret = steal_ptr(image);
		}
	}
	if (images > 1 && !platform_equal(&(*ret)->platform, &host)) {
		image_free(*ret);
		*ret = NULL;
	}
	return images > 0 ? 0 : error_make(err, ERROR_STATE, "%s: it contains no image", reach->items[0].digest);
}

static int compare_digests(const void *a, const void *b)
{
	const struct descriptor *x = a, *y = b;

	return strcmp(x->digest, y->digest);
}

/* Each once, in the order of their digests. */
static int write_blobs(struct layout *layout, struct tar_writer *tar, struct descriptor *blobs, size_t len,
		       struct error **err)
{
	if (tar_writer_folder(tar, "blobs/", err) < 0 || tar_writer_folder(tar, "blobs/sha256/", err) < 0)
		return -1;
	qsort(blobs, len, sizeof(*blobs), compare_digests);
	for (size_t i = 0; i < len; i++) {
		cleanup_free char *name = blob_name(blobs[i].digest);
		cleanup_free char *path = layout_blob_path(layout, blobs[i].digest);

		if (i > 0 && strcmp(blobs[i - 1].digest, blobs[i].digest) == 0)
			continue;
		if (tar_writer_file(tar, name, path, blobs[i].size, err) < 0)
			return -1;
	}
	return 0;
}

/* What makes it a layout. Takes the list of its images. */
static int write_layout(struct tar_writer *tar, struct json *list, struct error **err)
{
	static const char marker[] = OCI_LAYOUT_TEXT;
	cleanup_buf struct buf index = { 0 };

	document_dump_index(list, NULL, &index);
	return tar_writer_text(tar, "oci-layout", marker, sizeof(marker) - 1, err) < 0
		       ? -1
		       : tar_writer_text(tar, "index.json", index.data, index.len, err);
}

static int export_tar_open(const char *path, struct error **err)
{
	int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0600);

	return fd >= 0 ? fd : error_errno(err, ERROR_STATE, errno, "%s: cannot create", path);
}

static int export_tar_write_tar(struct layout *layout, struct reach *reach, const char *const *references, size_t len,
				enum layout_tar what, const char *path, struct error **err)
{
	cleanup_fd int fd = export_tar_open(path, err);
	cleanup_tar_writer struct tar_writer *tar = NULL;
	cleanup_image struct image *image = NULL;
	cleanup_buf struct buf docker = { 0 };

	if (fd < 0 || find_docker_image(layout, reach, &image, err) < 0 || tar_writer_new(fd, path, &tar, err) < 0)
		return -1;
	if (what != LAYOUT_TAR_DOCKER) {
		struct json *list = json_new_array();

		add_entries(list, &reach->items[0], references, len);
		if (write_layout(tar, list, err) < 0)
			return -1;
	}
	if (image) {
		dump_docker(image, references, len, &docker);
		if (tar_writer_text(tar, "manifest.json", docker.data, docker.len, err) < 0)
			return -1;
	}
	if (write_blobs(layout, tar, reach->items, reach->len, err) < 0)
		return -1;
	return tar_writer_end(tar, err);
}

int layout_export_tar(struct layout *layout, const char *digest, const char *const *references, size_t len,
		      enum layout_tar what, const char *path, struct error **err)
{
	struct reach reach = { 0 };
	int r = reach_collect(layout, digest, REACH_VERIFY, &reach, err);

	if (r == 0)
		r = export_tar_write_tar(layout, &reach, references, len, what, path, err);
	reach_free(&reach);
	return r;
}

/* Adds the two texts of an image to `texts`. */
static int add_bare(struct layout *layout, const struct layout_bare *bare, struct json *list, struct descriptor *texts,
		    struct error **err)
{
	cleanup_image struct image *image = NULL;

	if (image_read(layout, bare->digest, &image, err) < 0)
		return -1;
	add_entries(list, &image->manifest, bare->references, bare->len);
	texts[0] = (struct descriptor){ .size = image->manifest.size };
	texts[1] = (struct descriptor){ .size = image->config.size };
	memcpy(texts[0].digest, image->manifest.digest, sizeof(texts[0].digest));
	memcpy(texts[1].digest, image->config.digest, sizeof(texts[1].digest));
	return 0;
}

int layout_export_bare(struct layout *layout, const struct layout_bare *images, size_t len, const char *path,
		       struct error **err)
{
	cleanup_fd int fd = export_tar_open(path, err);
	cleanup_tar_writer struct tar_writer *tar = NULL;
	cleanup_free struct descriptor *texts = mem_array(2 * len, sizeof(*texts));
	struct json *list;

	if (fd < 0 || tar_writer_new(fd, path, &tar, err) < 0)
		return -1;
	list = json_new_array();
	for (size_t i = 0; i < len; i++)
		if (add_bare(layout, &images[i], list, &texts[2 * i], err) < 0) {
			json_free(list);
			return -1;
		}
	if (write_layout(tar, list, err) < 0 || write_blobs(layout, tar, texts, 2 * len, err) < 0)
		return -1;
	return tar_writer_end(tar, err);
}
