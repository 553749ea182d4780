#include "config.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/error.h"
#include "base/fs.h"
#include "base/mem.h"
#include "base/ref.h"
#include "engine/builder/builder.h"
#include "engine/builder/result_import.h"
#include "engine/oci/document.h"
#include "engine/oci/image.h"
#include "engine/oci/layout.h"

static int link_blob(struct layout *layout, const char *digest, const char *dir, struct error **err)
{
	cleanup_free char *blob = layout_blob_path(layout, digest);
	cleanup_free char *target = path_absolute(blob, err);
	cleanup_free char *path = path_join(dir, digest_hex(digest));

	if (!target)
		return -1;
	if (symlink(target, path) < 0 && errno != EEXIST)
		return error_errno(err, ERROR_STATE, errno, "%s", path);
	return 0;
}

static int write_member(const char *dir, const char *name, const char *data, size_t len, struct error **err)
{
	cleanup_free char *path = path_join(dir, name);

	return fs_replace(path, data, len, 0644, err);
}

int import_stage_dir(struct layout *layout, const char *digest, const char *dir, struct error **err)
{
	static const char version[] = "Directory Transport Version: 1.1\n";
	cleanup_image struct image *image = NULL;
	cleanup_buf struct buf manifest = { 0 };

	if (image_read(layout, digest, &image, err) < 0 || document_dump_schema2(image, &manifest, err) < 0 ||
	    fs_mkdirs(dir, 0755, err) < 0 || write_member(dir, "version", version, strlen(version), err) < 0 ||
	    write_member(dir, "manifest.json", manifest.data, manifest.len, err) < 0 ||
	    link_blob(layout, image->config.digest, dir, err) < 0)
		return -1;
	for (size_t i = 0; i < image->layers_len; i++)
		if (link_blob(layout, image->layers[i].digest, dir, err) < 0)
			return -1;
	return 0;
}

char *import_pull_reference(const char *reference)
{
	struct ref ref;
	char *text;

	if (!ref_parse(reference, &ref, NULL))
		return mem_printf("docker://%s", reference);
	if (ref.digest)
		text = mem_printf("docker://%s/%s@%s", ref.domain, ref.repository, ref.digest);
	else
		text = mem_printf("docker://%s/%s:%s", ref.domain, ref.repository, ref.tag ? ref.tag : "latest");
	ref_free(&ref);
	return text;
}

int import_finish(struct layout *layout, const char *identity, struct build_result *result, struct error **err)
{
	cleanup_image struct image *image = NULL;

	if (image_read(layout, result->digest, &image, err) < 0)
		return -1;
	if (identity && strcmp(image->config.digest, identity) != 0)
		return error_make(err, ERROR_INTERNAL, "image %s became %s on its way into the store", identity,
				  image->config.digest);
	memcpy(result->identity, image->config.digest, DIGEST_LEN + 1);
	result->size = image->size;
	result->place = mem_strdup("store");
	return 0;
}
