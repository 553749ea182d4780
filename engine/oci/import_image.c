#include "config.h"

#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/error.h"
#include "base/fs.h"
#include "base/mem.h"
#include "engine/oci/blob.h"
#include "engine/oci/document.h"
#include "engine/oci/layout.h"

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
