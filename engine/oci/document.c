#include "config.h"

#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/error.h"
#include "base/fs.h"
#include "base/json.h"
#include "base/mem.h"
#include "base/text.h"
#include "engine/oci/document.h"
#include "engine/oci/layout.h"

static bool document_starts_with(const char *s, const char *prefix)
{
	return strncmp(s, prefix, strlen(prefix)) == 0;
}

static bool document_is(const char *s, const char *type)
{
	return strcmp(s, type) == 0;
}

bool document_type_is_index(const char *type)
{
	return document_is(type, OCI_INDEX) || document_is(type, DOCKER_LIST);
}

static bool is_manifest_type(const char *type)
{
	return document_is(type, OCI_MANIFEST) || document_is(type, DOCKER_MANIFEST);
}

bool document_type_known(const char *media_type)
{
	return document_type_is_index(media_type) || is_manifest_type(media_type);
}

/* Accepted layer types of an image or attestation. Layers that are fetched from elsewhere (Docker's foreign, OCI's
 * nondistributable) are not in the store. */
static bool is_layer_type(const char *type)
{
	if (strstr(type, "nondistributable"))
		return false;
	if (document_is(type, OCI_IN_TOTO))
		return true;
	return document_starts_with(type, OCI_LAYERS) || document_starts_with(type, DOCKER_LAYER);
}

int document_refuse_digest(const char *name, const char *digest, struct error **err)
{
	cleanup_buf struct buf safe = { 0 };

	text_safe(&safe, digest ? digest : "", digest ? strnlen(digest, 2 * DIGEST_LEN) : 0);
	return error_make(err, ERROR_STATE, "%s: \"%s\" is not a digest", name, safe.len ? safe.data : "");
}

static int refuse_type(const char *name, const char *what, const char *type, struct error **err)
{
	cleanup_buf struct buf safe = { 0 };

	text_safe(&safe, type ? type : "none", type ? strlen(type) : 4);
	return error_make(err, ERROR_STATE, "%s: the media type of %s is not supported here: %s", name, what, safe.data);
}

int document_read(const char *path, const char *digest, struct buf *ret, struct error **err)
{
	char found[DIGEST_LEN + 1];
	size_t start = ret->len;

	if (fs_read(path, LAYOUT_MANIFEST_MAX, ret, err) < 0)
		return -1;
	if (digest_bytes(ret->len > start ? ret->data + start : "", ret->len - start, found, err) < 0)
		return -1;
	if (strcmp(found, digest) != 0)
		return error_make(err, ERROR_STATE, "%s: the content does not match its digest: found %s", path, found);
	return 0;
}

static int read_descriptor(const struct json *json, const char *name, struct descriptor *ret, struct error **err)
{
	const char *digest = json_str(json, "digest");
	const char *type = json_str(json, "mediaType");
	int64_t size = json_int(json, "size");

	if (!json_is_object(json))
		return error_make(err, ERROR_STATE, "%s: a descriptor is missing", name);
	if (!digest || !digest_valid(digest))
		return document_refuse_digest(name, digest, err);
	if (!json_is_int(json_get(json, "size")) || size < 0)
		return error_make(err, ERROR_STATE, "%s: %s has an invalid size", name, digest);
	if (!type)
		return refuse_type(name, digest, NULL, err);
	ret->media_type = mem_strdup(type);
	memcpy(ret->digest, digest, DIGEST_LEN + 1);
	ret->size = (uint64_t)size;
	return 0;
}

bool document_platform(const struct json *json, struct platform *ret)
{
	const char *os = json_str(json, "os");
	const char *arch = json_str(json, "architecture");
	const char *variant = json_str(json, "variant");
	cleanup_free char *text = NULL;

	if (!os || !arch || document_is(os, "unknown") || document_is(arch, "unknown"))
		return false;
	if (strchr(os, '/') || strchr(arch, '/') || (variant && strchr(variant, '/')))
		return false;
	text = variant && *variant ? mem_printf("%s/%s/%s", os, arch, variant) : mem_printf("%s/%s", os, arch);
	return platform_parse(text, ret);
}

static int read_member(const struct json *json, const char *name, struct document_entry *ret, struct error **err)
{
	const struct json *platform = json_get(json, "platform");
	const char *type, *about;

	if (read_descriptor(json, name, &ret->blob, err) < 0)
		return -1;
	type = ret->blob.media_type;
	ret->has_platform = document_platform(platform, &ret->platform);
	ret->attestation = (platform && !ret->has_platform) || !document_type_known(type) ||
			   json_str(json_get(json, "annotations"), OCI_DOCKER_REFERENCE_TYPE);
	about = json_str(json_get(json, "annotations"), OCI_DOCKER_REFERENCE_DIGEST);
	if (ret->attestation && about && digest_valid(about))
		memcpy(ret->about, about, DIGEST_LEN + 1);
	return 0;
}

static int read_layer(const struct json *json, bool any, const char *name, struct document_entry *ret, struct error **err)
{
	if (read_descriptor(json, name, &ret->blob, err) < 0)
		return -1;
	if (!any && !is_layer_type(ret->blob.media_type))
		return refuse_type(name, "a layer", ret->blob.media_type, err);
	return 0;
}

static int read_entries(struct document *document, const struct json *array, const char *name, struct error **err)
{
	/* BuildKit writes null as the layers of an image without any. */
	if (!json_is_array(array) && (document->index || !json_is_null(array)))
		return error_make(err, ERROR_STATE, "%s: \"%s\" is not a list", name,
				  document->index ? "manifests" : "layers");
	document->len = json_len(array);
	document->entries = mem_array(document->len, sizeof(*document->entries));
	for (size_t i = 0; i < document->len; i++) {
		struct document_entry *entry = &document->entries[i];
		int r = document->index ? read_member(json_at(array, i), name, entry, err)
					: read_layer(json_at(array, i), document->artifact, name, entry, err);

		if (r < 0)
			return -1;
	}
	return 0;
}

/* The type according to the fields, to the text's own mediaType, and to the descriptor: all must agree. */
static int read_type(struct document *document, const struct json *json, const char *expected, const char *name,
		     struct error **err)
{
	const char *own = json_str(json, "mediaType");
	const char *type;

	/* CVE-2021-41190: a text that is both, depending on the reader. */
	if (json_get(json, "manifests") && (json_get(json, "layers") || json_get(json, "config")))
		return error_make(err, ERROR_STATE, "%s: it is both an index and a manifest; refused", name);
	if (json_int(json, "schemaVersion") != 2)
		return error_make(err, ERROR_STATE, "%s: not a manifest or an index of schemaVersion 2", name);
	document->index = json_get(json, "manifests") != NULL;
	type = own ? own : expected;
	if (!type)
		type = document->index ? OCI_INDEX : OCI_MANIFEST;
	if (!(document->index ? document_type_is_index(type) : is_manifest_type(type)) ||
	    (expected && !document_is(type, expected)))
		return refuse_type(name, document->index ? "an index" : "a manifest", type, err);
	document->self.media_type = mem_strdup(type);
	return 0;
}

static int document_own_parse(struct document *document, const struct json *json, const char *media_type,
			      const char *name, struct error **err)
{
	if (!json_is_object(json))
		return error_make(err, ERROR_STATE, "%s: not a JSON object", name);
	if (read_type(document, json, media_type, name, err) < 0)
		return -1;
	if (document->index)
		return read_entries(document, json_get(json, "manifests"), name, err);
	if (read_descriptor(json_get(json, "config"), name, &document->config, err) < 0)
		return -1;
	if (!document->artifact && !document_is(document->config.media_type, OCI_CONFIG) &&
	    !document_is(document->config.media_type, DOCKER_CONFIG))
		return refuse_type(name, "the config", document->config.media_type, err);
	return read_entries(document, json_get(json, "layers"), name, err);
}

static int parse_text(const char *text, size_t len, const char *media_type, const char *digest, const char *name,
		      bool artifact, struct document **ret, struct error **err)
{
	cleanup_document struct document *document = NULL;
	cleanup_json struct json *json = NULL;

	if (json_parse(text, len, name, &json, err) < 0)
		return -1;
	document = mem_alloc(sizeof(*document));
	memcpy(document->self.digest, digest, strlen(digest) + 1);
	document->self.size = len;
	document->artifact = artifact;
	if (document_own_parse(document, json, media_type, name, err) < 0)
		return -1;
	*ret = steal_ptr(document);
	return 0;
}

int document_parse(const char *text, size_t len, const char *media_type, const char *digest, const char *name,
		   struct document **ret, struct error **err)
{
	return parse_text(text, len, media_type, digest, name, false, ret, err);
}

int document_parse_artifact(const char *text, size_t len, const char *media_type, const char *digest, const char *name,
			    struct document **ret, struct error **err)
{
	return parse_text(text, len, media_type, digest, name, true, ret, err);
}

void document_free(struct document *document)
{
	if (!document)
		return;
	for (size_t i = 0; document->entries && i < document->len; i++)
		free(document->entries[i].blob.media_type);
	free(document->entries);
	free(document->config.media_type);
	free(document->self.media_type);
	free(document);
}

void document_cleanup(struct document **document)
{
	document_free(*document);
}

/* ---- writing ---- */

struct json *document_descriptor(const struct descriptor *descriptor, const struct platform *platform)
{
	struct json *json = json_new_object();
	struct json *member;

	json_set_str(json, "mediaType", descriptor->media_type);
	json_set_str(json, "digest", descriptor->digest);
	json_set_int(json, "size", (int64_t)descriptor->size);
	if (!platform)
		return json;
	member = json_new_object();
	json_set_str(member, "architecture", platform->arch);
	json_set_str(member, "os", platform->os);
	json_set_str(member, "variant", platform->variant[0] ? platform->variant : NULL);
	json_set(json, "platform", member);
	return json;
}

void document_dump_index(struct json *manifests, struct json *annotations, struct buf *out)
{
	cleanup_json struct json *json = json_new_object();

	json_set_int(json, "schemaVersion", 2);
	json_set_str(json, "mediaType", OCI_INDEX);
	json_set(json, "manifests", manifests ? manifests : json_new_array());
	json_set(json, "annotations", annotations);
	json_dump(json, JSON_CANONICAL, out);
}

/* "...diff.tar", "...diff.tar.gzip" and "...diff.tar.zstd" are OCI's "...tar", "...tar+gzip" and "...tar+zstd". */
static char *oci_layer_type(const char *docker)
{
	const char *rest = docker + strlen(DOCKER_LAYER);

	if (!document_starts_with(docker, DOCKER_LAYER))
		return mem_strdup(docker);
	if (!*rest)
		return mem_strdup(OCI_LAYER);
	if (document_is(rest, ".gzip") || document_is(rest, ".zstd"))
		return mem_printf(OCI_LAYER "+%s", rest + 1);
	return NULL;
}

int document_dump_manifest(const struct document *manifest, struct buf *out, struct error **err)
{
	cleanup_json struct json *json = json_new_object();
	struct json *layers = json_new_array();
	struct descriptor config = manifest->config;

	config.media_type = (char[]){ OCI_CONFIG };
	json_set_int(json, "schemaVersion", 2);
	json_set_str(json, "mediaType", OCI_MANIFEST);
	json_set(json, "config", document_descriptor(&config, NULL));
	json_set(json, "layers", layers);
	for (size_t i = 0; i < manifest->len; i++) {
		struct descriptor layer = manifest->entries[i].blob;
		cleanup_free char *type = oci_layer_type(layer.media_type);

		if (!type)
			return refuse_type(layer.digest, "a layer", layer.media_type, err);
		layer.media_type = type;
		json_append(layers, document_descriptor(&layer, NULL));
	}
	json_dump(json, JSON_CANONICAL, out);
	return 0;
}

/* ---- schema 2 ---- */

void document_dump_list(struct json *manifests, struct buf *out)
{
	cleanup_json struct json *json = json_new_object();

	json_set_int(json, "schemaVersion", 2);
	json_set_str(json, "mediaType", DOCKER_LIST);
	json_set(json, "manifests", manifests);
	json_dump(json, JSON_CANONICAL, out);
}

/* Schema 2's name for the type of a layer, or NULL. */
static const char *schema2_layer_type(const char *media_type)
{
	if (document_is(media_type, OCI_LAYER "+gzip") || document_is(media_type, DOCKER_LAYER ".gzip"))
		return DOCKER_LAYER ".gzip";
	return document_is(media_type, OCI_LAYER) || document_is(media_type, DOCKER_LAYER) ? DOCKER_LAYER : NULL;
}

static struct json *schema2_part(const struct descriptor *part, const char *type)
{
	struct descriptor typed = *part;

	typed.media_type = (char *)type;
	return document_descriptor(&typed, NULL);
}

int document_dump_schema2(const struct image *image, struct buf *out, struct error **err)
{
	cleanup_json struct json *json = json_new_object();
	struct json *layers = json_new_array();

	json_set_int(json, "schemaVersion", 2);
	json_set_str(json, "mediaType", DOCKER_MANIFEST);
	json_set(json, "config", schema2_part(&image->config, DOCKER_CONFIG));
	json_set(json, "layers", layers);
	for (size_t i = 0; i < image->layers_len; i++) {
		const char *type = schema2_layer_type(image->layers[i].media_type);

		if (!type)
			return error_make(err, ERROR_TOOL, "image %s: docker's format has no layers of type %s",
					  image->manifest.digest, image->layers[i].media_type);
		json_append(layers, schema2_part(&image->layers[i], type));
	}
	json_dump(json, JSON_CANONICAL, out);
	return 0;
}
