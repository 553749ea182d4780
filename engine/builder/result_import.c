#include "config.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/error.h"
#include "base/fs.h"
#include "base/json.h"
#include "base/mem.h"
#include "base/ref.h"
#include "engine/builder/builder.h"
#include "engine/builder/result_import.h"
#include "engine/oci/image.h"
#include "engine/oci/layout.h"

#define DOCKER_MANIFEST "application/vnd.docker.distribution.manifest.v2+json"
#define DOCKER_CONFIG "application/vnd.docker.container.image.v1+json"
#define DOCKER_LAYER "application/vnd.docker.image.rootfs.diff.tar"

static struct json *result_import_describe(const char *media_type, const struct descriptor *descriptor)
{
	struct json *json = json_new_object();

	json_set_str(json, "mediaType", media_type);
	json_set_int(json, "size", (int64_t)descriptor->size);
	json_set_str(json, "digest", descriptor->digest);
	return json;
}

/* Schema 2's name for the type of a layer, or NULL. */
static const char *layer_type(const char *media_type)
{
	const char *suffix = strrchr(media_type, '+');

	if (suffix && strcmp(suffix, "+gzip") == 0)
		return DOCKER_LAYER ".gzip";
	if (suffix && strcmp(suffix, "+zstd") == 0)
		return NULL;
	return strcmp(media_type, DOCKER_LAYER ".gzip") == 0 ? DOCKER_LAYER ".gzip" : DOCKER_LAYER;
}

static int schema2(const struct image *image, struct buf *out, struct error **err)
{
	cleanup_json struct json *manifest = json_new_object();
	struct json *layers = json_new_array();

	json_set_int(manifest, "schemaVersion", 2);
	json_set_str(manifest, "mediaType", DOCKER_MANIFEST);
	json_set(manifest, "config", result_import_describe(DOCKER_CONFIG, &image->config));
	json_set(manifest, "layers", layers);
	for (size_t i = 0; i < image->layers_len; i++) {
		const char *type = layer_type(image->layers[i].media_type);

		if (!type)
			return error_make(err, ERROR_TOOL, "image %s: buildah cannot use layers of type %s as a base",
					  image->manifest.digest, image->layers[i].media_type);
		json_append(layers, result_import_describe(type, &image->layers[i]));
	}
	json_dump(manifest, JSON_COMPACT, out);
	return 0;
}

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

	if (image_read(layout, digest, &image, err) < 0 || schema2(image, &manifest, err) < 0 ||
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
