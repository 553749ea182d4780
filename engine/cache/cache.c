#include "config.h"

#include "engine/cache/cache.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/error.h"
#include "base/fs.h"
#include "base/json.h"
#include "base/mem.h"
#include "base/ref.h"
#include "engine/oci/document.h"
#include "engine/oci/image.h"
#include "engine/oci/layout.h"
#include "engine/registry/client.h"
#include "engine/registry/push.h"

#define KEY "dev.cbuild.key"
#define IDENTITY "dev.cbuild.identity"

/* Another reference to the same repository, by tag or digest. Borrows. */
static struct ref under(const struct ref *where, char *tag, const char *digest)
{
	return (struct ref){ where->domain, where->repository, tag, (char *)digest };
}

static char *cache_tag_of(const char *key)
{
	return mem_printf("cbuild-%s", digest_hex(key));
}

static int cache_wrong(const struct ref *where, const char *key, const char *why, struct error **err)
{
	return error_make(err, ERROR_REGISTRY, "%s/%s:cbuild-%.12s... is invalid: %s", where->domain, where->repository,
			  digest_hex(key), why);
}

/* ---- reading ---- */

/* Checks the index: this key, and one image for this platform. */
static int cache_check_index(const struct ref *where, const char *key, const struct platform *platform,
			     const struct buf *text, const char *type, struct cache_entry *ret, struct error **err)
{
	cleanup_document struct document *index = NULL;
	cleanup_json struct json *json = NULL;
	const char *said, *identity;

	if (document_parse(text->data, text->len, type, "", KEY, &index, NULL) < 0 ||
	    json_parse(text->data, text->len, KEY, &json, NULL) < 0)
		return cache_wrong(where, key, "it cannot be read", err);
	said = json_str(json_get(json, "annotations"), KEY);
	identity = json_str(json_get(json, "annotations"), IDENTITY);
	if (!said || strcmp(said, key) != 0)
		return cache_wrong(where, key, "it has another key", err);
	if (!index->index || index->len != 1 || !index->entries[0].has_platform ||
	    !platform_equal(&index->entries[0].platform, platform))
		return cache_wrong(where, key, "it is not one image for the platform", err);
	if (!identity || !digest_valid(identity))
		return cache_wrong(where, key, "it does not say which image it contains", err);
	memcpy(ret->identity, identity, sizeof(ret->identity));
	memcpy(ret->digest, index->entries[0].blob.digest, sizeof(ret->digest));
	return 0;
}

/* Fetches the image's manifest and config into the store and checks them. */
static int cache_take_image(struct registry *registry, struct layout *layout, const struct ref *where, const char *key,
			    const struct cache_entry *result, struct error **err)
{
	const struct ref ref = under(where, NULL, result->digest);
	cleanup_document struct document *manifest = NULL;
	cleanup_buf struct buf text = { 0 }, config = { 0 };
	cleanup_free char *type = NULL;
	char digest[DIGEST_LEN + 1];
	int r = registry_manifest(registry, &ref, &text, &type, digest, err);

	if (r <= 0)
		return r < 0 ? -1 : cache_wrong(where, key, "its image is gone", err);
	if (document_parse(text.data, text.len, type, digest, digest, &manifest, NULL) < 0 || manifest->index)
		return cache_wrong(where, key, "its image cannot be read", err);
	if (strcmp(manifest->config.digest, result->identity) != 0)
		return cache_wrong(where, key, "it is another image", err);
	if (registry_read_blob(registry, where, &manifest->config, &config, err) < 0)
		return -1;
	return layout_write(layout, config.data, config.len, digest, err) < 0 ||
			       layout_write(layout, text.data, text.len, digest, err) < 0
		       ? -1
		       : 0;
}

int cache_find(struct registry *registry, struct layout *layout, const struct ref *where, const char *key,
	       const struct platform *platform, struct cache_entry *ret, struct error **err)
{
	cleanup_free char *tag = cache_tag_of(key), *type = NULL;
	const struct ref ref = under(where, tag, NULL);
	cleanup_image struct image *image = NULL;
	cleanup_buf struct buf text = { 0 };
	char digest[DIGEST_LEN + 1];
	int r = registry_manifest(registry, &ref, &text, &type, digest, err);

	if (r <= 0)
		return r;
	if (cache_check_index(where, key, platform, &text, type, ret, err) < 0 ||
	    cache_take_image(registry, layout, where, key, ret, err) < 0)
		return -1;
	if (image_read(layout, ret->digest, &image, NULL) < 0)
		return cache_wrong(where, key, "its image cannot be read", err);
	if (!platform_equal(&image->platform, platform))
		return cache_wrong(where, key, "its image is for another platform", err);
	ret->size = image->size;
	return 1;
}

static int fetch_layer(struct registry *registry, struct layout *layout, const struct ref *where,
		       const struct descriptor *layer, const char *dir, struct error **err)
{
	cleanup_free char *path = path_join(dir, digest_hex(layer->digest));
	cleanup_fd int fd = open(path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0644);

	if (fd < 0)
		return error_errno(err, ERROR_STATE, errno, "%s", path);
	if (registry_fetch_blob(registry, where, layer, fd, err) < 0)
		return -1;
	return layout_adopt(layout, path, layer->digest, layer->size, err);
}

int cache_fetch(struct registry *registry, struct layout *layout, const struct ref *where, const char *digest,
		uint64_t *ret_bytes, struct error **err)
{
	cleanup_image struct image *image = NULL;
	cleanup_free char *dir = NULL;
	int r = 0;

	*ret_bytes = 0;
	if (image_read(layout, digest, &image, err) < 0 || layout_staging(layout, &dir, err) < 0)
		return -1;
	for (size_t i = 0; i < image->layers_len && r == 0; i++) {
		const struct descriptor *layer = &image->layers[i];

		if (layout_has(layout, layer->digest, layer->size))
			continue;
		r = fetch_layer(registry, layout, where, layer, dir, err);
		*ret_bytes += layer->size;
	}
	return fs_remove_tree(dir, r == 0 ? err : NULL) < 0 ? -1 : r;
}

/* ---- writing ---- */

static int cache_write_index(struct layout *layout, const char *key, const struct platform *platform,
			     const char *digest, char ret_digest[DIGEST_LEN + 1], struct error **err)
{
	const struct layout_member member = { .digest = digest, .platform = *platform };
	cleanup_image struct image *image = NULL;
	struct layout_annotation annotations[] = { { KEY, key }, { IDENTITY, NULL } };

	if (image_read(layout, digest, &image, err) < 0)
		return -1;
	annotations[1].value = image->config.digest;
	return layout_write_index(layout, &member, 1, annotations, 2, ret_digest, NULL, err);
}

int cache_put(struct registry *registry, struct layout *layout, const struct ref *where, const char *key,
	      const struct platform *platform, const char *digest, bool again, struct error **err)
{
	cleanup_free char *tag = cache_tag_of(key);
	const struct ref ref = under(where, tag, NULL);
	char index[DIGEST_LEN + 1], there[DIGEST_LEN + 1];
	struct push push = { .registry = registry, .layout = layout, .where = where, .digest = index };
	struct push_result result;
	int r = again ? 0 : registry_head(registry, &ref, true, there, err);

	if (r != 0)
		return r < 0 ? -1 : 0;
	return cache_write_index(layout, key, platform, digest, index, err) < 0 ||
			       push_content(&push, &result, err) < 0 || push_tag(registry, layout, &ref, index, err) < 0
		       ? -1
		       : 0;
}
