#include "config.h"

#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/error.h"
#include "base/fs.h"
#include "base/map.h"
#include "base/mem.h"
#include "engine/oci/document.h"
#include "engine/oci/layout.h"
#include "engine/oci/reach.h"

#define NESTING_MAX 4 /* indexes in indexes */

struct walk {
	struct layout *layout;
	enum reach_mode mode;
	struct reach *reach;
};

/* The map borrows its keys, and items move when they grow: it gets copies. */
static void add(struct reach *reach, const struct descriptor *descriptor)
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

static int add_blob(struct walk *walk, const struct descriptor *blob, struct error **err)
{
	if (!layout_has(walk->layout, blob->digest, blob->size))
		return error_make(err, ERROR_STATE, "%s: the blob %s of %llu bytes is not there",
				  layout_dir(walk->layout), blob->digest, (unsigned long long)blob->size);
	add(walk->reach, blob);
	return 0;
}

static int read_text(struct walk *walk, const char *digest, struct buf *text, struct error **err)
{
	cleanup_free char *path = NULL;

	if (walk->mode == REACH_VERIFY)
		return layout_read(walk->layout, digest, text, err);
	if (!digest_valid(digest))
		return document_refuse_digest(layout_dir(walk->layout), digest, err);
	path = layout_blob_path(walk->layout, digest);
	return fs_read(path, LAYOUT_MANIFEST_MAX, text, err);
}

/* `member` is NULL for the first one, of which nothing is known but the digest. */
static int visit(struct walk *walk, const char *digest, const struct descriptor *member, int depth, struct error **err)
{
	cleanup_document struct document *document = NULL;
	cleanup_buf struct buf text = { 0 };

	/* Read once, however often it is named: otherwise a few nested ones could keep us for hours. */
	if (walk->reach->seen && map_get(walk->reach->seen, digest))
		return 0;
	if (depth > NESTING_MAX)
		return error_make(err, ERROR_STATE, "%s: indexes nested deeper than %d", digest, NESTING_MAX);
	if (read_text(walk, digest, &text, err) < 0 ||
	    document_parse(text.data, text.len, member ? member->media_type : NULL, digest, digest, &document, err) < 0)
		return -1;
	if (member && member->size != text.len)
		return error_make(err, ERROR_STATE, "%s: %zu bytes, but its descriptor says %llu", digest, text.len,
				  (unsigned long long)member->size);
	add(walk->reach, &document->self);
	if (!document->index && add_blob(walk, &document->config, err) < 0)
		return -1;
	for (size_t i = 0; i < document->len; i++) {
		const struct descriptor *blob = &document->entries[i].blob;
		int r = document->index && document_type_known(blob->media_type)
				? visit(walk, blob->digest, blob, depth + 1, err)
				: add_blob(walk, blob, err);

		if (r < 0)
			return -1;
	}
	return 0;
}

int reach_collect(struct layout *layout, const char *digest, enum reach_mode mode, struct reach *ret, struct error **err)
{
	struct walk walk = { .layout = layout, .mode = mode, .reach = ret };

	return visit(&walk, digest, NULL, 0, err);
}
