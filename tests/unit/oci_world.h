#ifndef TESTS_UNIT_OCI_WORLD_H
#define TESTS_UNIT_OCI_WORLD_H

/* A folder a test, with a store in it, and images made by hand. */

#include "tests/unit/world.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/json.h"
#include "engine/oci/image.h"
#include "engine/oci/layout.h"
#include "engine/oci/pick.h"

#define OCI_MANIFEST_TYPE "application/vnd.oci.image.manifest.v1+json"
#define OCI_INDEX_TYPE "application/vnd.oci.image.index.v1+json"
#define OCI_CONFIG_TYPE "application/vnd.oci.image.config.v1+json"
#define OCI_LAYER_TYPE "application/vnd.oci.image.layer.v1.tar"
#define DOCKER_MANIFEST_TYPE "application/vnd.docker.distribution.manifest.v2+json"
#define DOCKER_CONFIG_TYPE "application/vnd.docker.container.image.v1+json"
#define DOCKER_LAYER_TYPE "application/vnd.docker.image.rootfs.diff.tar.gzip"

static const struct platform amd64 UNUSED = { "linux", "amd64", "" };
static const struct platform arm64 UNUSED = { "linux", "arm64", "" };

UNUSED static int read_delivered(void *data, const char *digest, struct buf *ret, struct error **ret_err)
{
	return layout_read(data, digest, ret, ret_err);
}

/* The image for the platform in the layout folder `dir`, whose blobs are copied into the store. */
UNUSED static int import_layout(struct layout *layout, const char *dir, const struct platform *platform,
				char ret_digest[DIGEST_LEN + 1], char *ret_attestation, struct error **ret_err)
{
	cleanup_free char *command = mem_printf("mkdir -p %s/blobs && cp -r %s/blobs store/", dir, dir);
	cleanup_free char *index = path_join(dir, "index.json");
	cleanup_buf struct buf text = { 0 };
	struct descriptor found = { 0 };

	assert_int_equal(system(command), 0);
	ok(fs_read(index, 1 << 20, &text, err));
	if (pick_image(text.data, text.len, index, platform, read_delivered, layout, &found, ret_attestation, ret_err) < 0)
		return -1;
	free(found.media_type);
	memcpy(ret_digest, found.digest, sizeof(found.digest));
	return 0;
}

UNUSED static struct layout *open_store(void)
{
	struct layout *layout = NULL;

	ok(layout_open("store", true, &layout, err));
	return layout;
}

UNUSED static void write_text(const char *path, const char *text)
{
	ok(fs_replace(path, text, strlen(text), 0644, err));
}

UNUSED static char *read_all_text(const char *path)
{
	struct buf buf = { 0 };

	ok(fs_read(path, 1 << 26, &buf, err));
	return buf_steal(&buf);
}

UNUSED static void digest_of(const char *text, char digest[DIGEST_LEN + 1])
{
	ok(digest_bytes(text, strlen(text), digest, err));
}

/* A config for one layer (whose content is also its diff id). `more` goes into the config's "config". */
UNUSED static char *config_text(const struct platform *platform, const char *layer, const char *more)
{
	char diff_id[DIGEST_LEN + 1];

	digest_of(layer, diff_id);
	return mem_printf(
		"{\"architecture\":\"%s\",\"os\":\"%s\",\"config\":{%s},\"rootfs\":{\"type\":\"layers\",\"diff_ids\":[\"%s\"]}}",
		platform->arch, platform->os, more, diff_id);
}

UNUSED static char *manifest_text(const char *type, const char *config_type, const char *layer_type, const char *config,
				  const char *layer)
{
	char config_digest[DIGEST_LEN + 1], layer_digest[DIGEST_LEN + 1];

	digest_of(config, config_digest);
	digest_of(layer, layer_digest);
	return mem_printf(
		"{\"schemaVersion\":2,\"mediaType\":\"%s\",\"config\":{\"mediaType\":\"%s\",\"digest\":\"%s\",\"size\":%zu},\"layers\":[{\"mediaType\":\"%s\",\"digest\":\"%s\",\"size\":%zu}]}",
		type, config_type, config_digest, strlen(config), layer_type, layer_digest, strlen(layer));
}

/* An image in the store. */
UNUSED static void make_image(struct layout *layout, const struct platform *platform, const char *layer,
			      char digest[DIGEST_LEN + 1])
{
	cleanup_free char *config = config_text(platform, layer, "\"User\":\"1000\"");
	cleanup_free char *manifest = manifest_text(OCI_MANIFEST_TYPE, OCI_CONFIG_TYPE, OCI_LAYER_TYPE, config, layer);

	ok(layout_write(layout, layer, strlen(layer), digest, err));
	ok(layout_write(layout, config, strlen(config), digest, err));
	ok(layout_write(layout, manifest, strlen(manifest), digest, err));
}

/* An index over two of them. */
UNUSED static void make_index(struct layout *layout, char digest[DIGEST_LEN + 1])
{
	char one[DIGEST_LEN + 1], two[DIGEST_LEN + 1];
	struct layout_member members[] = { { one, amd64, NULL }, { two, arm64, NULL } };

	make_image(layout, &amd64, "the bytes for amd64", one);
	make_image(layout, &arm64, "the bytes for arm64", two);
	ok(layout_write_index(layout, members, 2, NULL, 0, digest, NULL, err));
}

/* A builder's folder: blobs named by their digests below `dir`. */
UNUSED static void put_blob(const char *dir, const char *text)
{
	char digest[DIGEST_LEN + 1];
	cleanup_free char *path = NULL;

	digest_of(text, digest);
	path = path_join(dir, digest_hex(digest));
	write_text(path, text);
}

UNUSED static int shell(const char *format, ...) __attribute__((format(printf, 1, 2)));
UNUSED static int shell(const char *format, ...)
{
	char command[4096];
	va_list args;
	int status;

	va_start(args, format);
	vsnprintf(command, sizeof(command), format, args);
	va_end(args);
	status = system(command);
	return WIFEXITED(status) ? WEXITSTATUS(status) : 128;
}

UNUSED static bool have(const char *tool)
{
	return shell("command -v %s >/dev/null 2>&1", tool) == 0;
}

UNUSED static int count_files(const char *dir)
{
	cleanup_free char *command = mem_printf("find %s -type f 2>/dev/null | wc -l", dir);
	FILE *pipe = popen(command, "r");
	int n = -1;

	if (pipe && fscanf(pipe, "%d", &n) != 1)
		n = -1;
	if (pipe)
		pclose(pipe);
	return n;
}

#endif
