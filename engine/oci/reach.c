#include "config.h"

#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/error.h"
#include "base/fs.h"
#include "base/map.h"
#include "base/mem.h"
#include "base/scan.h"
#include "engine/oci/document.h"
#include "engine/oci/layout.h"
#include "engine/oci/reach.h"

#define NESTING_MAX 4 /* indexes in indexes */

struct reach_walk {
	struct layout *layout;
	enum reach_mode mode;
	struct reach *reach;
};

/* The map borrows its keys, and items move when the array grows: give it copies. */
static void reach_add(struct reach *reach, const struct descriptor *descriptor)
{
	struct descriptor *item;
	char *key;

	if (!reach->seen)
		reach->seen = map_new();
	if (map_get(reach->seen, descriptor->digest))
		return;
	key = mem_strdup(descriptor->digest);
	map_set(reach->seen, key, key);
	mem_reserve(&reach->items, &reach->cap, reach->len + 1, sizeof(*reach->items));
	item = &reach->items[reach->len++];
	*item = *descriptor;
	item->media_type = mem_strdup(descriptor->media_type);
}

void reach_free(struct reach *reach)
{
	for (size_t i = 0; i < reach->len; i++)
		free(reach->items[i].media_type);
	free(reach->items);
	for (size_t i = 0; reach->seen && i < map_len(reach->seen); i++)
		free(map_value(reach->seen, i));
	map_free(reach->seen);
	*reach = (struct reach){ 0 };
}

static int add_blob(struct reach_walk *walk, const struct descriptor *blob, struct error **err)
{
	if (!layout_has(walk->layout, blob->digest, blob->size))
		return error_make(err, ERROR_STATE, "%s: the blob %s of %llu bytes is not there",
				  layout_dir(walk->layout), blob->digest, (unsigned long long)blob->size);
	reach_add(walk->reach, blob);
	return 0;
}

static int reach_read_text(struct reach_walk *walk, const char *digest, struct buf *text, struct error **err)
{
	cleanup_free char *path = NULL;

	if (walk->mode == REACH_VERIFY)
		return layout_read(walk->layout, digest, text, err);
	if (!digest_valid(digest))
		return document_refuse_digest(layout_dir(walk->layout), digest, err);
	path = layout_blob_path(walk->layout, digest);
	return fs_read(path, LAYOUT_MANIFEST_MAX, text, err);
}

/* `member` is NULL for the first one, of which only the digest is known. */
static int reach_visit(struct reach_walk *walk, const char *digest, const struct descriptor *member, int depth,
		       struct error **err)
{
	cleanup_document struct document *document = NULL;
	cleanup_buf struct buf text = { 0 };

	/* Read each text once, however often it is named: a few nested ones could otherwise keep us busy for hours. */
	if (walk->reach->seen && map_get(walk->reach->seen, digest))
		return 0;
	if (depth > NESTING_MAX)
		return error_make(err, ERROR_STATE, "%s: indexes nested deeper than %d", digest, NESTING_MAX);
	if (reach_read_text(walk, digest, &text, err) < 0 ||
	    document_parse(text.data, text.len, member ? member->media_type : NULL, digest, digest, &document, err) < 0)
		return -1;
	if (member && member->size != text.len)
		return error_make(err, ERROR_STATE, "%s: %zu bytes, but its descriptor says %llu", digest, text.len,
				  (unsigned long long)member->size);
	reach_add(walk->reach, &document->self);
	if (!document->index && add_blob(walk, &document->config, err) < 0)
		return -1;
	for (size_t i = 0; i < document->len; i++) {
		const struct descriptor *blob = &document->entries[i].blob;
		int r = document->index && document_type_known(blob->media_type)
				? reach_visit(walk, blob->digest, blob, depth + 1, err)
				: add_blob(walk, blob, err);

		if (r < 0)
			return -1;
	}
	return 0;
}

int reach_collect(struct layout *layout, const char *digest, enum reach_mode mode, struct reach *ret, struct error **err)
{
	struct reach_walk walk = { .layout = layout, .mode = mode, .reach = ret };

	return reach_visit(&walk, digest, NULL, 0, err);
}

/* ---- an image, quickly ---- */

struct taken {
	struct layout *layout;
	bool version, config, layers; /* seen, with the expected value */
	bool there;
};

static bool reach_begins(const struct scan_text *text, const char *prefix)
{
	return text->len >= strlen(prefix) && memcmp(text->text, prefix, strlen(prefix)) == 0;
}

static bool is_config(const struct scan_text *type)
{
	return scan_is(type, OCI_CONFIG) || scan_is(type, DOCKER_CONFIG);
}

static bool is_layer(const struct scan_text *type)
{
	static const char elsewhere[] = "nondistributable";

	return (reach_begins(type, OCI_LAYERS) || reach_begins(type, DOCKER_LAYER)) &&
	       !memmem(type->text, type->len, elsewhere, strlen(elsewhere));
}

/* A descriptor of an expected type whose blob is in the store? */
static bool take_blob(struct scan *s, bool (*expected)(const struct scan_text *type), struct taken *taken)
{
	struct scan_text key, text = { .text = "" }, type = { .text = "" };
	char digest[DIGEST_LEN + 1] = "";
	uint64_t size = UINT64_MAX;

	scan_object(s);
	while (scan_member(s, &key)) {
		bool good = scan_is(&key, "digest")      ? scan_string(s, &text)
			    : scan_is(&key, "mediaType") ? scan_string(s, &type)
			    : scan_is(&key, "size")      ? scan_number(s, &size)
							 : scan_skip(s);

		if (!good)
			return false;
	}
	if (s->bad || text.len != DIGEST_LEN || size == UINT64_MAX || !expected(&type))
		return false;
	memcpy(digest, text.text, DIGEST_LEN);
	taken->there = taken->there && layout_has(taken->layout, digest, size);
	return true;
}

static bool take_layers(struct scan *s, struct taken *taken)
{
	scan_array(s);
	while (scan_item(s))
		if (!take_blob(s, is_layer, taken))
			return false;
	return !s->bad;
}

/* False for anything wrong, unknown, or repeated. */
static bool reach_take_member(struct scan *s, const struct scan_text *key, struct taken *taken)
{
	struct scan_text type;
	uint64_t version;

	if (scan_is(key, "schemaVersion"))
		return !taken->version && (taken->version = scan_number(s, &version) && version == 2);
	if (scan_is(key, "mediaType"))
		return scan_string(s, &type) && (scan_is(&type, OCI_MANIFEST) || scan_is(&type, DOCKER_MANIFEST));
	if (scan_is(key, "config"))
		return !taken->config && (taken->config = take_blob(s, is_config, taken));
	if (scan_is(key, "layers"))
		return !taken->layers && (taken->layers = take_layers(s, taken));
	return !key->escaped && !scan_is(key, "manifests") && scan_skip(s);
}

static bool take_manifest(const struct buf *text, struct taken *taken)
{
	struct scan s = scan_begin(text->data, text->len);
	struct scan_text key;

	scan_object(&s);
	while (scan_member(&s, &key))
		if (!reach_take_member(&s, &key, taken))
			return false;
	return scan_done(&s) && taken->version && taken->config && taken->layers;
}

bool reach_image(struct layout *layout, const char *digest, bool *ret_told)
{
	cleanup_free char *path = NULL;
	cleanup_buf struct buf text = { 0 };
	struct taken taken = { .layout = layout, .there = true };

	*ret_told = false;
	if (!digest_valid(digest))
		return false;
	path = layout_blob_path(layout, digest);
	if (fs_read(path, LAYOUT_MANIFEST_MAX, &text, NULL) < 0 || !take_manifest(&text, &taken))
		return false;
	*ret_told = true;
	return taken.there;
}
