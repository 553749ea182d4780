#include "config.h"

#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/error.h"
#include "base/json.h"
#include "base/mem.h"
#include "engine/oci/document.h"
#include "engine/oci/image.h"
#include "engine/oci/layout.h"

static void free_list(char **list)
{
	for (char **s = list; s && *s; s++)
		free(*s);
	free(list);
}

void image_free(struct image *image)
{
	if (!image)
		return;
	for (size_t i = 0; image->layers && i < image->layers_len; i++)
		free(image->layers[i].media_type);
	free(image->layers);
	free(image->manifest.media_type);
	free(image->config.media_type);
	free(image->diff_ids);
	free(image->user);
	free(image->healthcheck);
	free_list(image->entrypoint);
	free_list(image->cmd);
	free_list(image->ports);
	free_list(image->labels);
	free_list(image->env);
	free_list(image->onbuild);
	free_list(image->history);
	free(image);
}

void image_cleanup(struct image **image)
{
	image_free(*image);
}

/* ---- the config ---- */

static int refuse_member(const char *name, const char *key, const char *what, struct error **err)
{
	return error_make(err, ERROR_STATE, "%s: \"%s\" is not %s", name, key, what);
}

/* A list of strings; null and missing count as empty. */
static int read_strings(const struct json *config, const char *key, const char *name, char ***ret, struct error **err)
{
	const struct json *array = json_get(config, key);

	*ret = mem_array(json_len(array) + 1, sizeof(**ret));
	if (json_len(array) > 0 && !json_is_array(array))
		return refuse_member(name, key, "a list of strings", err);
	for (size_t i = 0; i < json_len(array); i++) {
		const char *s = json_text(json_at(array, i));

		if (!s)
			return refuse_member(name, key, "a list of strings", err);
		(*ret)[i] = mem_strdup(s);
	}
	return 0;
}

/* Sorts pairs, or single strings, by the first string of each. */
static int compare_first(const void *a, const void *b)
{
	char *const *x = a;
	char *const *y = b;

	return strcmp(*x, *y);
}

static int read_ports(const struct json *config, const char *name, char ***ret, struct error **err)
{
	const struct json *ports = json_get(config, "ExposedPorts");
	size_t len = 0;

	*ret = mem_array(json_len(ports) + 1, sizeof(**ret));
	if (json_len(ports) > 0 && !json_is_object(ports))
		return refuse_member(name, "ExposedPorts", "an object", err);
	for (const void *it = json_first(ports); it; it = json_next(ports, it))
		(*ret)[len++] = mem_strdup(json_key(it));
	qsort(*ret, len, sizeof(**ret), compare_first);
	return 0;
}

static int read_labels(const struct json *config, const char *name, char ***ret, struct error **err)
{
	const struct json *labels = json_get(config, "Labels");
	size_t len = 0;

	*ret = mem_array(2 * json_len(labels) + 1, sizeof(**ret));
	if (json_len(labels) > 0 && !json_is_object(labels))
		return refuse_member(name, "Labels", "an object of strings", err);
	for (const void *it = json_first(labels); it; it = json_next(labels, it)) {
		const char *value = json_text(json_member(it));

		if (!value)
			return refuse_member(name, "Labels", "an object of strings", err);
		(*ret)[len++] = mem_strdup(json_key(it));
		(*ret)[len++] = mem_strdup(value);
	}
	qsort(*ret, len / 2, 2 * sizeof(**ret), compare_first);
	return 0;
}

static int read_diff_ids(const struct json *json, const char *name, struct image *image, struct error **err)
{
	const struct json *array = json_get(json_get(json, "rootfs"), "diff_ids");

	image->diff_ids = mem_array(json_len(array) + 1, sizeof(*image->diff_ids));
	for (size_t i = 0; i < json_len(array); i++) {
		const char *digest = json_text(json_at(array, i));

		if (!digest || !digest_valid(digest))
			return document_refuse_digest(name, digest, err);
		memcpy(image->diff_ids[i], digest, DIGEST_LEN + 1);
	}
	image->diff_ids_len = json_len(array);
	return 0;
}

static void read_history(const struct json *json, struct image *image)
{
	const struct json *array = json_get(json, "history");

	image->history = mem_array(json_len(array) + 1, sizeof(*image->history));
	for (size_t i = 0; i < json_len(array); i++) {
		const char *created = json_str(json_at(array, i), "created");

		image->history[i] = mem_strdup(created ? created : "");
	}
}

static int image_own_read_config(const struct json *json, const char *name, struct image *image, struct error **err)
{
	const struct json *config = json_get(json, "config");
	const struct json *healthcheck = json_get(config, "Healthcheck");
	const char *user = json_str(config, "User");

	if (!json_is_object(json))
		return error_make(err, ERROR_STATE, "%s: the config must be a JSON object", name);
	if (!document_platform(json, &image->platform))
		return error_make(err, ERROR_STATE, "%s: the config names no os and architecture", name);
	if (read_diff_ids(json, name, image, err) < 0)
		return -1;
	read_history(json, image);
	image->user = mem_strdup(user ? user : "");
	if (json_is_object(healthcheck)) {
		struct buf text = { 0 };

		json_dump(healthcheck, JSON_COMPACT, &text);
		image->healthcheck = buf_steal(&text);
	}
	if (read_strings(config, "Entrypoint", name, &image->entrypoint, err) < 0 ||
	    read_strings(config, "Cmd", name, &image->cmd, err) < 0 ||
	    read_strings(config, "Env", name, &image->env, err) < 0 ||
	    read_strings(config, "OnBuild", name, &image->onbuild, err) < 0 ||
	    read_ports(config, name, &image->ports, err) < 0)
		return -1;
	return read_labels(config, name, &image->labels, err);
}

static int parse_config(const char *text, size_t len, const char *name, struct image *image, struct error **err)
{
	cleanup_json struct json *json = NULL;

	if (json_parse(text, len, name, &json, err) < 0)
		return -1;
	return image_own_read_config(json, name, image, err);
}

int image_read_config(const char *json, size_t len, const char *name, struct image **ret, struct error **err)
{
	cleanup_image struct image *image = mem_alloc(sizeof(*image));

	if (parse_config(json, len, name, image, err) < 0 || digest_bytes(json, len, image->config.digest, err) < 0)
		return -1;
	image->config.size = len;
	*ret = steal_ptr(image);
	return 0;
}

/* ---- the whole image ---- */

static void take_descriptor(struct descriptor *to, struct descriptor *from)
{
	*to = *from;
	from->media_type = NULL;
}

static int read_manifest(struct layout *layout, const char *digest, struct image *image, struct error **err)
{
	cleanup_document struct document *document = NULL;
	cleanup_buf struct buf text = { 0 };

	if (layout_read(layout, digest, &text, err) < 0 ||
	    document_parse(text.data, text.len, NULL, digest, digest, &document, err) < 0)
		return -1;
	if (document->index)
		return error_make(err, ERROR_STATE, "%s: an index, not one platform's image", digest);
	take_descriptor(&image->manifest, &document->self);
	take_descriptor(&image->config, &document->config);
	image->layers = mem_array(document->len + 1, sizeof(*image->layers));
	image->layers_len = document->len;
	image->size = image->config.size;
	for (size_t i = 0; i < document->len; i++) {
		take_descriptor(&image->layers[i], &document->entries[i].blob);
		if (__builtin_add_overflow(image->size, image->layers[i].size, &image->size))
			return error_make(err, ERROR_STATE, "%s: the sizes of the layers overflow", digest);
	}
	return 0;
}

int image_read(struct layout *layout, const char *digest, struct image **ret, struct error **err)
{
	cleanup_image struct image *image = mem_alloc(sizeof(*image));
	cleanup_buf struct buf config = { 0 };

	if (read_manifest(layout, digest, image, err) < 0 || layout_read(layout, image->config.digest, &config, err) < 0)
		return -1;
	if (config.len != image->config.size)
		return error_make(err, ERROR_STATE, "%s: %zu bytes, but the manifest %s says %llu",
				  image->config.digest, config.len, digest, (unsigned long long)image->config.size);
	if (parse_config(config.data, config.len, image->config.digest, image, err) < 0)
		return -1;
	if (image->diff_ids_len != image->layers_len)
		return error_make(err, ERROR_STATE, "%s: %zu layers, but the config says %zu", digest,
				  image->layers_len, image->diff_ids_len);
	*ret = steal_ptr(image);
	return 0;
}
