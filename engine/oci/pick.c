#include "config.h"

#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/error.h"
#include "base/mem.h"
#include "engine/oci/document.h"
#include "engine/oci/layout.h"
#include "engine/oci/pick.h"

#define NESTING_MAX 4  /* indexes in indexes */
#define READS_MAX 1000 /* texts read: a small index may list the same one many times */

struct pick {
	const struct platform *platform;
	pick_read *read;
	void *data;
	const char *name;
	struct buf seen; /* platforms found that were not wanted */
	int reads;
	struct descriptor *ret;
	char *ret_attestation; /* or NULL */
};

static int read_text(struct pick *pick, const struct descriptor *blob, struct buf *text, struct error **err)
{
	if (++pick->reads > READS_MAX)
		return error_make(err, ERROR_STATE, "%s: more than %d manifests", pick->name, READS_MAX);
	if (blob->size > LAYOUT_MANIFEST_MAX)
		return error_make(err, ERROR_STATE, "%s: %s is larger than %u bytes", pick->name, blob->digest,
				  LAYOUT_MANIFEST_MAX);
	if (pick->read(pick->data, blob->digest, text, err) < 0)
		return -1;
	if (text->len != blob->size)
		return error_make(err, ERROR_STATE, "%s: %s has %zu bytes, but its descriptor says %llu", pick->name,
				  blob->digest, text->len, (unsigned long long)blob->size);
	return 0;
}

static int read_document(struct pick *pick, const struct descriptor *blob, struct document **ret, struct error **err)
{
	cleanup_buf struct buf text = { 0 };

	if (read_text(pick, blob, &text, err) < 0)
		return -1;
	return document_parse(text.data, text.len, blob->media_type, blob->digest, blob->digest, ret, err);
}

/* The platform according to the config, for a descriptor without one. */
static int read_config_platform(struct pick *pick, const struct document *manifest, struct platform *ret,
				struct error **err)
{
	cleanup_image struct image *image = NULL;
	cleanup_buf struct buf text = { 0 };

	if (read_text(pick, &manifest->config, &text, err) < 0 ||
	    image_read_config(text.data, text.len, manifest->config.digest, &image, err) < 0)
		return -1;
	*ret = image->platform;
	return 0;
}

static int consider_image(struct pick *pick, const struct document_entry *entry, struct error **err)
{
	cleanup_document struct document *manifest = NULL;
	struct platform platform = entry->platform;
	char text[PLATFORM_TEXT];

	if (pick->platform && !entry->has_platform) {
		if (read_document(pick, &entry->blob, &manifest, err) < 0 ||
		    read_config_platform(pick, manifest, &platform, err) < 0)
			return -1;
	}
	if (pick->platform && !platform_equal(&platform, pick->platform)) {
		platform_text(&platform, text);
		buf_printf(&pick->seen, "%s%s", pick->seen.len ? ", " : "", text);
		return 0;
	}
	*pick->ret = entry->blob;
	pick->ret->media_type = mem_strdup(entry->blob.media_type);
	return 1;
}

/* The image's attestations are next to it in the index. */
static void take_attestation(struct pick *pick, const struct document *index)
{
	for (size_t i = 0; pick->ret_attestation && i < index->len; i++)
		if (strcmp(index->entries[i].about, pick->ret->digest) == 0)
			memcpy(pick->ret_attestation, index->entries[i].blob.digest, DIGEST_LEN + 1);
}

/* 1 found, 0 not found. */
static int search(struct pick *pick, const struct document *index, int depth, struct error **err)
{
	for (size_t i = 0; i < index->len; i++) {
		const struct document_entry *entry = &index->entries[i];
		cleanup_document struct document *document = NULL;
		int found;

		if (entry->attestation)
			continue;
		if (!document_type_is_index(entry->blob.media_type)) {
			found = consider_image(pick, entry, err);
			if (found > 0)
				take_attestation(pick, index);
		} else if (depth >= NESTING_MAX) {
			found = error_make(err, ERROR_STATE, "%s: indexes nested deeper than %d", pick->name,
					   NESTING_MAX);
		} else {
			found = read_document(pick, &entry->blob, &document, err);
			if (found == 0)
				found = search(pick, document, depth + 1, err);
		}
		if (found != 0)
			return found;
	}
	return 0;
}

int pick_image(const char *text, size_t len, const char *name, const struct platform *platform, pick_read *read,
	       void *data, struct descriptor *ret, char ret_attestation[DIGEST_LEN + 1], struct error **err)
{
	cleanup_document struct document *index = NULL;
	struct pick pick = { .platform = platform,
			     .read = read,
			     .data = data,
			     .name = name,
			     .ret = ret,
			     .ret_attestation = ret_attestation };
	char wanted[PLATFORM_TEXT] = "any platform";
	int found;

	if (ret_attestation)
		ret_attestation[0] = '\0';
	if (document_parse(text, len, NULL, "", name, &index, err) < 0)
		return -1;
	if (!index->index)
		return error_make(err, ERROR_STATE, "%s: not an image index", name);
	found = search(&pick, index, 0, err);
	if (found == 0) {
		if (platform)
			platform_text(platform, wanted);
		error_make(err, ERROR_STATE, "%s: no image for %s; found: %s", name, wanted,
			   pick.seen.len ? pick.seen.data : "none");
	}
	buf_free(&pick.seen);
	return found > 0 ? 0 : -1;
}

static int read_stored(void *data, const char *digest, struct buf *ret, struct error **err)
{
	return layout_read(data, digest, ret, err);
}

int pick_stored(struct layout *layout, const char *digest, const struct platform *platform,
		char ret_digest[DIGEST_LEN + 1], char ret_attestation[DIGEST_LEN + 1], struct error **err)
{
	cleanup_document struct document *document = NULL;
	cleanup_buf struct buf text = { 0 };
	struct descriptor found;

	ret_attestation[0] = '\0';
	if (layout_read(layout, digest, &text, err) < 0 ||
	    document_parse(text.data, text.len, NULL, digest, digest, &document, err) < 0)
		return -1;
	if (!document->index) {
		memcpy(ret_digest, digest, DIGEST_LEN + 1);
		return 0;
	}
	if (pick_image(text.data, text.len, digest, platform, read_stored, layout, &found, ret_attestation, err) < 0)
		return -1;
	memcpy(ret_digest, found.digest, DIGEST_LEN + 1);
	free(found.media_type);
	return 0;
}
