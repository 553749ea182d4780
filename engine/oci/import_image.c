#include "config.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/error.h"
#include "base/fs.h"
#include "base/mem.h"
#include "engine/oci/archive.h"
#include "engine/oci/blob.h"
#include "engine/oci/document.h"
#include "engine/oci/layout.h"
#include "engine/oci/pick.h"
#include "engine/oci/reach.h"

/* Checks that the imported image is complete and, by its config, for the platform asked for. */
static int import_image_check_image(struct layout *layout, const char *digest, const struct platform *platform,
				    const char *from, struct error **err)
{
	cleanup_image struct image *image = NULL;
	char wanted[PLATFORM_TEXT], found[PLATFORM_TEXT];

	if (image_read(layout, digest, &image, err) < 0)
		return error_wrap(err, "%s", from);
	for (size_t i = 0; i < image->layers_len; i++) {
		if (!layout_has(layout, image->layers[i].digest, image->layers[i].size))
			return error_make(err, ERROR_STATE, "%s: the layer %s of %llu bytes was not delivered", from,
					  image->layers[i].digest, (unsigned long long)image->layers[i].size);
	}
	if (!platform || platform_equal(platform, &image->platform))
		return 0;
	platform_text(platform, wanted);
	platform_text(&image->platform, found);
	return error_make(err, ERROR_STATE, "%s: the image is for %s, not for %s", from, found, wanted);
}

/* ---- a folder of blobs ---- */

static int adopt(struct layout *layout, const char *blobs, const struct descriptor *blob, struct error **err)
{
	cleanup_free char *path = path_join(blobs, digest_hex(blob->digest));

	return blob_adopt(layout, path, blob->digest, blob->size, err);
}

static int adopt_layers(struct layout *layout, const char *blobs, const struct document *manifest, struct error **err)
{
	for (size_t i = 0; i < manifest->len; i++) {
		if (adopt(layout, blobs, &manifest->entries[i].blob, err) < 0)
			return -1;
	}
	return 0;
}

/* Replaces the delivered config by its canonical form. */
static int import_image_write_config(struct layout *layout, const char *dir, struct document *manifest, struct error **err)
{
	cleanup_free char *path = path_join(dir, digest_hex(manifest->config.digest));
	cleanup_buf struct buf text = { 0 };
	cleanup_buf struct buf canonical = { 0 };

	if (document_read(path, manifest->config.digest, &text, err) < 0 ||
	    image_canonical_config(text.data, text.len, path, &canonical, err) < 0 ||
	    layout_write(layout, canonical.data, canonical.len, manifest->config.digest, err) < 0)
		return -1;
	manifest->config.size = canonical.len;
	return 0;
}

int layout_import_dir(struct layout *layout, const char *dir, const struct platform *platform,
		      char ret_digest[DIGEST_LEN + 1], struct error **err)
{
	cleanup_free char *path = path_join(dir, "manifest.json");
	cleanup_document struct document *manifest = NULL;
	cleanup_buf struct buf text = { 0 };
	cleanup_buf struct buf anew = { 0 };
	char digest[DIGEST_LEN + 1];

	if (fs_read(path, LAYOUT_MANIFEST_MAX, &text, err) < 0 ||
	    document_parse(text.data, text.len, NULL, "", path, &manifest, err) < 0)
		return -1;
	if (manifest->index)
		return error_make(err, ERROR_STATE, "%s: expected one image, found a list", path);
	if (import_image_write_config(layout, dir, manifest, err) < 0 || adopt_layers(layout, dir, manifest, err) < 0)
		return -1;
	if (document_dump_manifest(manifest, &anew, err) < 0)
		return error_wrap(err, "%s", path);
	if (layout_write(layout, anew.data, anew.len, digest, err) < 0 ||
	    import_image_check_image(layout, digest, platform, dir, err) < 0)
		return -1;
	memcpy(ret_digest, digest, sizeof(digest));
	return 0;
}

/* ---- a tar of a layout ---- */

static int import_image_read_store(void *data, const char *digest, struct buf *ret, struct error **err)
{
	return layout_read(data, digest, ret, err);
}

static int store_entry(struct layout *layout, struct tar_reader *tar, const struct tar_entry *entry, const char *path,
		       struct error **err)
{
	cleanup_blob_writer struct blob_writer *writer = NULL;
	char digest[DIGEST_LEN + 1], found[DIGEST_LEN + 1];
	cleanup_free char *name = mem_printf("%s: %s", path, entry->name);
	const void *data;
	size_t len;
	int r;

	memcpy(digest, "sha256:", 7);
	memcpy(digest + 7, path_base(entry->name), DIGEST_HEX + 1);
	if (layout_has(layout, digest, entry->size))
		return 0;
	if (blob_writer_new(layout, &writer, err) < 0)
		return -1;
	while ((r = tar_reader_data(tar, &data, &len, err)) > 0) {
		if (blob_writer_add(writer, data, len, err) < 0)
			return -1;
	}
	return r < 0 ? -1 : blob_writer_publish(writer, digest, name, found, err);
}

static int import_image_read_entry(struct tar_reader *tar, const struct tar_entry *entry, const char *path,
				   struct buf *ret, struct error **err)
{
	const void *data;
	size_t len;
	int r;

	if (ret->len > 0)
		return error_make(err, ERROR_STATE, "%s: index.json is there twice", path);
	if (entry->size > LAYOUT_MANIFEST_MAX)
		return error_make(err, ERROR_STATE, "%s: index.json is larger than %u bytes", path, LAYOUT_MANIFEST_MAX);
	while ((r = tar_reader_data(tar, &data, &len, err)) > 0)
		buf_add(ret, data, len);
	return r;
}

/* Only names of exactly this form become paths; everything else in the tar is ignored. */
static bool is_blob_name(const char *name)
{
	static const char folder[] = "blobs/sha256/";
	char digest[DIGEST_LEN + 1] = "sha256:";

	if (strncmp(name, folder, sizeof(folder) - 1) != 0 || strlen(name) != sizeof(folder) - 1 + DIGEST_HEX)
		return false;
	memcpy(digest + 7, name + sizeof(folder) - 1, DIGEST_HEX + 1);
	return digest_valid(digest);
}

static int import_image_unpack(struct layout *layout, int fd, const char *path, struct buf *index, struct error **err)
{
	cleanup_tar_reader struct tar_reader *tar = NULL;
	struct tar_entry entry;
	int r;

	if (tar_reader_new(fd, path, &tar, err) < 0)
		return -1;
	while ((r = tar_reader_next(tar, &entry, err)) > 0) {
		if (!entry.regular)
			continue;
		if (strcmp(entry.name, "index.json") == 0 && import_image_read_entry(tar, &entry, path, index, err) < 0)
			return -1;
		if (is_blob_name(entry.name) && store_entry(layout, tar, &entry, path, err) < 0)
			return -1;
	}
	if (r == 0 && index->len == 0)
		return error_make(err, ERROR_STATE, "%s: not the tar of an image layout: it has no index.json", path);
	return r;
}

static int import_image_check_attestation(struct layout *layout, const char *digest, const char *from, struct error **err)
{
	struct reach reach = { 0 };
	int r = reach_collect(layout, digest, REACH_VERIFY, &reach, err);

	reach_free(&reach);
	return r < 0 ? error_wrap(err, "%s", from) : 0;
}

int layout_import_stream(struct layout *layout, int fd, const char *path, const struct platform *platform,
			 char ret_digest[DIGEST_LEN + 1], char ret_attestation[DIGEST_LEN + 1], struct error **err)
{
	struct descriptor image = { 0 };
	cleanup_buf struct buf index = { 0 };

	/* Stores every blob of the tar; those of other platforms will be used by the next call. */
	if (import_image_unpack(layout, fd, path, &index, err) < 0 || blob_sync(layout, err) < 0 ||
	    pick_image(index.data, index.len, path, platform, import_image_read_store, layout, &image, ret_attestation,
		       err) < 0)
		return -1;
	free(image.media_type);
	if (ret_attestation && ret_attestation[0] &&
	    import_image_check_attestation(layout, ret_attestation, path, err) < 0)
		return -1;
	if (import_image_check_image(layout, image.digest, platform, path, err) < 0)
		return -1;
	memcpy(ret_digest, image.digest, sizeof(image.digest));
	return 0;
}
