#include "config.h"

#include <string.h>

#include "base/buf.h"
#include "base/error.h"
#include "base/json.h"
#include "base/mem.h"
#include "engine/oci/document.h"
#include "engine/oci/layout.h"

/* Image indexes: the images of several platforms; and images' manifests in other words. */

static struct json *annotations_json(const struct layout_annotation *annotations, size_t len)
{
	struct json *json;

	if (len == 0)
		return NULL;
	json = json_new_object();
	for (size_t i = 0; i < len; i++)
		json_set_str(json, annotations[i].key, annotations[i].value);
	return json;
}

/* The descriptor of a manifest in the store. `ret_docker` becomes false if it is not in Docker's form. */
static int index_describe(struct layout *layout, const char *digest, const struct platform *platform, struct json **ret,
			  bool *ret_docker, struct error **err)
{
	cleanup_document struct document *document = NULL;
	cleanup_buf struct buf text = { 0 };

	if (layout_read(layout, digest, &text, err) < 0 ||
	    document_parse(text.data, text.len, NULL, digest, digest, &document, err) < 0)
		return -1;
	if (document->index)
		return error_make(err, ERROR_STATE, "%s: an index cannot be one platform of another index", digest);
	*ret = document_descriptor(&document->self, platform);
	*ret_docker &= strcmp(document->self.media_type, DOCKER_MANIFEST) == 0;
	return 0;
}

/* In BuildKit's form: an entry without a platform that says which image it is about. */
static int describe_attestation(struct layout *layout, const struct layout_member *member, struct json **ret,
				bool *ret_docker, struct error **err)
{
	static const struct platform unknown = { .os = "unknown", .arch = "unknown" };
	struct json *annotations;

	if (index_describe(layout, member->attestation, &unknown, ret, ret_docker, err) < 0)
		return -1;
	annotations = json_new_object();
	json_set_str(annotations, OCI_DOCKER_REFERENCE_TYPE, OCI_ATTESTATION);
	json_set_str(annotations, OCI_DOCKER_REFERENCE_DIGEST, member->digest);
	json_set(*ret, "annotations", annotations);
	return 0;
}

int layout_index_text(struct layout *layout, const struct layout_member *members, size_t len,
		      const struct layout_annotation *annotations, size_t annotations_len, struct buf *ret,
		      struct error **err)
{
	cleanup_json struct json *list = json_new_array();
	bool docker = len > 0 && annotations_len == 0;
	struct json *entry;

	for (size_t i = 0; i < len; i++) {
		if (index_describe(layout, members[i].digest, &members[i].platform, &entry, &docker, err) < 0)
			return -1;
		json_append(list, entry);
	}
	for (size_t i = 0; i < len; i++) {
		if (!members[i].attestation)
			continue;
		if (describe_attestation(layout, &members[i], &entry, &docker, err) < 0)
			return -1;
		json_append(list, entry);
	}
	if (docker)
		document_dump_list(steal_ptr(list), ret);
	else
		document_dump_index(steal_ptr(list), annotations_json(annotations, annotations_len), ret);
	return 0;
}

int layout_write_index(struct layout *layout, const struct layout_member *members, size_t len,
		       const struct layout_annotation *annotations, size_t annotations_len,
		       char ret_digest[DIGEST_LEN + 1], uint64_t *ret_size, struct error **err)
{
	cleanup_buf struct buf out = { 0 };

	if (layout_index_text(layout, members, len, annotations, annotations_len, &out, err) < 0)
		return -1;
	if (ret_size)
		*ret_size = out.len;
	return layout_write(layout, out.data, out.len, ret_digest, err);
}

int layout_write_schema2(struct layout *layout, const char *digest, char ret_digest[DIGEST_LEN + 1], struct error **err)
{
	cleanup_image struct image *image = NULL;
	cleanup_buf struct buf out = { 0 };

	if (image_read(layout, digest, &image, err) < 0 || document_dump_schema2(image, &out, err) < 0)
		return -1;
	return layout_write(layout, out.data, out.len, ret_digest, err);
}

int layout_annotate(struct layout *layout, const char *digest, const struct layout_annotation *annotations, size_t len,
		    char ret_digest[DIGEST_LEN + 1], struct error **err)
{
	cleanup_json struct json *manifest = NULL;
	cleanup_buf struct buf text = { 0 }, out = { 0 };
	struct json *all;

	if (layout_read(layout, digest, &text, err) < 0 || json_parse(text.data, text.len, digest, &manifest, err) < 0)
		return -1;
	all = json_get(manifest, "annotations") ? json_clone(json_get(manifest, "annotations")) : json_new_object();
	for (size_t i = 0; i < len; i++)
		json_set_str(all, annotations[i].key, annotations[i].value);
	json_set(manifest, "annotations", all);
	json_dump(manifest, JSON_CANONICAL, &out);
	return layout_write(layout, out.data, out.len, ret_digest, err);
}
