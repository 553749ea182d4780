#include "config.h"

#include "engine/oci/convert.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/error.h"
#include "base/json.h"
#include "base/mem.h"
#include "base/table.h"
#include "engine/oci/archive.h"
#include "engine/oci/blob.h"
#include "engine/oci/convert_memory.h"
#include "engine/oci/document.h"
#include "engine/oci/estargz.h"
#include "engine/oci/layer_read.h"
#include "engine/oci/layout.h"
#include "engine/oci/nydus.h"
#include "engine/oci/nydus_blob.h"

#define TOC_DIGEST "containerd.io/snapshot/stargz/toc.digest"
#define UNCOMPRESSED_SIZE "io.containers.estargz.uncompressed-size"

static const char *const media_types[] = { OCI_LAYER "+zstd", OCI_LAYER "+gzip", NYDUS_BLOB_TYPE };
TABLE_COMPLETE(media_types, CONVERT_FORMS);

int convert_possible(enum convert_form form, struct error **err)
{
	if (form != CONVERT_ESTARGZ && pack_possible(PACKING_ZSTD, err) < 0)
		return -1;
	return form != CONVERT_ZSTD ? pack_possible(PACKING_GZIP, err) : 0;
}

/* ---- a layer ---- */

/* A layer being converted. */
struct layer {
	const struct convert *convert;
	const struct descriptor *blob; /* the layer that is read */
	const char *diff_id;
	uint64_t done, total;  /* bytes of all layers, for progress */
	struct packer *packer; /* one of these compresses it, */
	struct estargz *estargz;
	struct nydus_blob *nydus;
	struct blob_writer *writer; /* and this stores the result */
	uint64_t written;
};

static void layer_cleanup(struct layer *layer)
{
	packer_free(layer->packer); /* may write to the writer once more */
	estargz_free(layer->estargz);
	nydus_blob_free(layer->nydus);
	blob_writer_free(layer->writer);
}

static int convert_take_packed(void *data, const void *bytes, size_t len, struct error **err)
{
	struct layer *layer = data;

	layer->written += len;
	return blob_writer_add(layer->writer, bytes, len, err);
}

static int convert_begin(struct layer *layer, struct error **err)
{
	if (blob_writer_new(layer->convert->layout, &layer->writer, err) < 0)
		return -1;
	switch (layer->convert->form) {
	case CONVERT_ZSTD:
		return packer_new(PACKING_ZSTD, convert_take_packed, layer, &layer->packer, err);
	case CONVERT_ESTARGZ:
		return estargz_new(convert_take_packed, layer, &layer->estargz, err);
	case CONVERT_NYDUS:
		return nydus_blob_new(convert_take_packed, layer, &layer->nydus, err);
	case CONVERT_FORMS:
		break;
	}
	return -1;
}

static int convert_add(void *data, const void *bytes, size_t len, struct error **err)
{
	struct layer *layer = data;

	if (layer->packer)
		return packer_add(layer->packer, bytes, len, err);
	return layer->estargz ? estargz_add(layer->estargz, bytes, len, err)
			      : nydus_blob_add(layer->nydus, bytes, len, err);
}

static int convert_end(struct layer *layer, struct estargz_result *ret, struct error **err)
{
	if (layer->packer)
		return packer_end(layer->packer, err);
	return layer->estargz ? estargz_end(layer->estargz, ret, err) : nydus_blob_end(layer->nydus, err);
}

static void convert_progress(void *data, uint64_t read)
{
	const struct layer *layer = data;

	if (layer->convert->progress)
		layer->convert->progress(layer->convert->data, layer->done + read, layer->total);
}

static bool convert_is_cancelled(void *data)
{
	const struct convert *convert = ((const struct layer *)data)->convert;

	return convert->cancelled && convert->cancelled(convert->data);
}

static struct json *layer_new(const char *from, const char *digest, uint64_t size, const char *diff_id)
{
	struct json *json = json_new_object();

	json_set_str(json, "from", from);
	json_set_str(json, "digest", digest);
	json_set_int(json, "size", (int64_t)size);
	json_set_str(json, "diffId", diff_id);
	return json;
}

/* The form's annotations for a layer, or NULL. */
static struct json *annotations_new(const struct layer *layer, const struct estargz_result *result)
{
	cleanup_free char *size = mem_printf("%" PRIu64, result->size);
	struct json *json = layer->packer ? NULL : json_new_object();

	if (layer->nydus)
		json_set_str(json, NYDUS_BLOB_NOTE, "true");
	if (!layer->estargz)
		return json;
	json_set_str(json, TOC_DIGEST, result->toc_digest);
	json_set_str(json, UNCOMPRESSED_SIZE, size);
	return json;
}

static int convert_finish(struct layer *layer, struct json **ret, struct error **err)
{
	struct estargz_result result = { 0 };
	char digest[DIGEST_LEN + 1];
	const char *diff_id;

	if (convert_end(layer, &result, err) < 0 ||
	    blob_writer_publish(layer->writer, NULL, layer->blob->digest, digest, err) < 0)
		return -1;
	diff_id = layer->packer ? layer->diff_id : layer->estargz ? result.diff_id : digest;
	*ret = layer_new(layer->diff_id, digest, layer->written, diff_id);
	json_set(*ret, "annotations", annotations_new(layer, &result));
	return 0;
}

static int pack_layer(struct layer *layer, struct json **ret, struct error **err)
{
	const struct layer_read read = {
		.layout = layer->convert->layout,
		.blob = layer->blob,
		.diff_id = layer->diff_id,
		.take = convert_add,
		.progress = convert_progress,
		.cancelled = convert_is_cancelled,
		.data = layer,
	};

	return convert_begin(layer, err) < 0 || layer_read(&read, err) < 0 ? -1 : convert_finish(layer, ret, err);
}

/* Reuses a layer that was packed before or already has the form, or packs a new one. */
static int make_layer(struct layer *layer, struct json **ret, struct error **err)
{
	const struct convert *convert = layer->convert;
	const struct descriptor *blob = layer->blob;
	struct json *known = convert_memory_find(convert->memory, convert->form, layer->diff_id);

	if (known && layout_has(convert->layout, json_str(known, "digest"), (uint64_t)json_int(known, "size"))) {
		*ret = known;
		return 0;
	}
	json_free(known);
	if (convert->form == CONVERT_ZSTD && layer_packing(blob->media_type) == PACKING_ZSTD) {
		*ret = layer_new(layer->diff_id, blob->digest, blob->size, layer->diff_id);
		return 0;
	}
	if (pack_layer(layer, ret, err) < 0)
		return error_wrap(err, "cannot convert a layer");
	convert_memory_add(convert->memory, convert->form, *ret);
	return 0;
}

static int make_layers(const struct convert *convert, const struct image *image, struct json *layers, struct error **err)
{
	uint64_t done = 0, total = 0;

	for (size_t i = 0; i < image->layers_len; i++)
		total += image->layers[i].size;
	for (size_t i = 0; i < image->layers_len; i++) {
		__attribute__((cleanup(layer_cleanup))) struct layer layer = {
			.convert = convert,
			.blob = &image->layers[i],
			.diff_id = image->diff_ids[i],
			.done = done,
			.total = total,
		};
		struct json *made = NULL;

		if (make_layer(&layer, &made, err) < 0)
			return -1;
		json_append(layers, made);
		done += image->layers[i].size;
	}
	return blob_sync(convert->layout, err);
}

/* ---- the image ---- */

/* Of nydus: the layer with the merged file tree, in the form of the others. */
static int add_bootstrap(const struct convert *convert, struct json *layers, struct error **err)
{
	size_t len = json_len(layers);
	cleanup_free const char **blobs = mem_array(len + 1, sizeof(*blobs));
	struct nydus_bootstrap made;
	struct json *layer, *annotations;

	for (size_t i = 0; i < len; i++)
		blobs[i] = json_str(json_at(layers, i), "digest");
	if (nydus_bootstrap_make(convert->layout, blobs, len, &made, err) < 0)
		return -1;
	layer = layer_new("", made.digest, made.size, made.diff_id);
	annotations = json_new_object();
	json_set_str(annotations, NYDUS_BOOTSTRAP_NOTE, "true");
	json_set_str(annotations, NYDUS_VERSION_NOTE, "6");
	json_set_str(layer, "mediaType", OCI_LAYER "+gzip");
	json_set(layer, "annotations", annotations);
	json_append(layers, layer);
	return blob_sync(convert->layout, err);
}

/* The config with the new layers' diff ids. If these did not change, the config stays byte for byte the same. */
static int convert_write_config(const struct convert *convert, const struct image *image, const struct json *layers,
				struct descriptor *ret, struct error **err)
{
	cleanup_buf struct buf text = { 0 };
	cleanup_buf struct buf changed = { 0 };
	cleanup_json struct json *config = NULL;
	struct json *rootfs, *diff_ids;

	*ret = image->config;
	if (convert->form == CONVERT_ZSTD)
		return 0;
	if (layout_read(convert->layout, image->config.digest, &text, err) < 0 ||
	    json_parse(text.data, text.len, image->config.digest, &config, err) < 0)
		return -1;
	diff_ids = json_new_array();
	for (size_t i = 0; i < json_len(layers); i++)
		json_append(diff_ids, json_new_string(json_str(json_at(layers, i), "diffId")));
	rootfs = json_new_object();
	json_set_str(rootfs, "type", "layers");
	json_set(rootfs, "diff_ids", diff_ids);
	json_set(config, "rootfs", rootfs);
	json_dump(config, JSON_CANONICAL, &changed);
	ret->size = changed.len;
	return layout_write(convert->layout, changed.data, changed.len, ret->digest, err);
}

static int write_manifest(const struct convert *convert, const struct descriptor *config, const struct json *layers,
			  struct converted *ret, struct error **err)
{
	cleanup_json struct json *json = json_new_object();
	cleanup_buf struct buf text = { 0 };
	struct json *list = json_new_array();
	struct descriptor blob = *config;

	blob.media_type = (char[]){ OCI_CONFIG };
	json_set_int(json, "schemaVersion", 2);
	json_set_str(json, "mediaType", OCI_MANIFEST);
	json_set(json, "config", document_descriptor(&blob, NULL));
	json_set(json, "layers", list);
	ret->size = config->size;
	for (size_t i = 0; i < json_len(layers); i++) {
		const struct json *layer = json_at(layers, i);
		struct json *entry = json_new_object();

		json_set_str(entry, "mediaType",
			     json_str(layer, "mediaType") ? json_str(layer, "mediaType") : media_types[convert->form]);
		json_set_str(entry, "digest", json_str(layer, "digest"));
		json_set_int(entry, "size", json_int(layer, "size"));
		if (json_get(layer, "annotations"))
			json_set(entry, "annotations", json_clone(json_get(layer, "annotations")));
		json_append(list, entry);
		ret->size += (uint64_t)json_int(layer, "size");
	}
	json_dump(json, JSON_CANONICAL, &text);
	return layout_write(convert->layout, text.data, text.len, ret->digest, err);
}

int convert_image(const struct convert *convert, struct converted *ret, struct error **err)
{
	cleanup_json struct json *detail = json_new_object();
	cleanup_image struct image *image = NULL;
	cleanup_json struct json *layers = json_new_array();
	struct descriptor config;
	struct buf text = { 0 };

	if (image_read(convert->layout, convert->digest, &image, err) < 0 || make_layers(convert, image, layers, err) < 0)
		return -1;
	json_set_str(detail, "form", convert_form_names[convert->form]);
	json_set(detail, "layers", json_clone(layers));
	if ((convert->form == CONVERT_NYDUS && add_bootstrap(convert, layers, err) < 0) ||
	    convert_write_config(convert, image, layers, &config, err) < 0 ||
	    write_manifest(convert, &config, layers, ret, err) < 0)
		return -1;
	json_dump(detail, JSON_CANONICAL, &text);
	ret->detail = buf_steal(&text);
	return 0;
}
