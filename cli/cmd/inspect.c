#include "config.h"

#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/error.h"
#include "base/json.h"
#include "base/mem.h"
#include "base/platform.h"
#include "base/ref.h"
#include "base/text.h"
#include "cli/cmd/commands.h"
#include "cli/options.h"
#include "cli/output.h"
#include "cli/registry_session.h"
#include "cli/session.h"
#include "engine/oci/document.h"
#include "engine/oci/nydus.h"
#include "engine/registry/client.h"

/* Describes the image in a registry; for an index, every platform with its config. */

static int inspect_read_config(struct registry *registry, const struct ref *ref, const struct document *manifest,
			       struct json *object, struct error **err)
{
	static const char *const wanted[] = { "User", "Entrypoint", "Cmd", "Env", "ExposedPorts", "Labels", "WorkingDir" };
	cleanup_buf struct buf text = { 0 };
	cleanup_json struct json *config = NULL;
	const struct json *settings;
	struct platform platform;
	char shown[PLATFORM_TEXT];
	uint64_t size = manifest->config.size;

	for (size_t i = 0; i < manifest->len; i++)
		size += manifest->entries[i].blob.size;
	json_set_int(object, "size", (int64_t)size);
	json_set_int(object, "layers", (int64_t)manifest->len);
	if (strcmp(manifest->config.media_type, OCI_CONFIG) != 0 &&
	    strcmp(manifest->config.media_type, DOCKER_CONFIG) != 0)
		return 0; /* not an image */
	if (registry_read_blob(registry, ref, &manifest->config, &text, err) < 0)
		return -1;
	if (json_parse(text.data, text.len, manifest->config.digest, &config, NULL) < 0)
		return error_make(err, ERROR_REGISTRY, "the config %s is not JSON", manifest->config.digest);
	if (document_platform(config, &platform)) {
		platform_text(&platform, shown);
		json_set_str(object, "platform", shown);
	}
	json_set_str(object, "config", manifest->config.digest);
	json_set_str(object, "created", json_str(config, "created"));
	settings = json_get(config, "config");
	for (size_t i = 0; i < sizeof(wanted) / sizeof(wanted[0]); i++) {
		const struct json *value = json_get(settings, wanted[i]);

		if (value)
			json_set(object, wanted[i], json_clone(value));
	}
	return 0;
}

/* The format of the image's layers according to its manifest; NULL for the plain one. */
static const char *inspect_format(const struct buf *manifest)
{
	cleanup_json struct json *json = NULL;
	const struct json *layers;

	if (json_parse(manifest->data, manifest->len, "", &json, NULL) < 0)
		return NULL;
	layers = json_get(json, "layers");
	for (size_t i = 0; i < json_len(layers); i++) {
		const struct json *layer = json_at(layers, i);
		const char *type = json_str(layer, "mediaType");

		if (type && strcmp(type, NYDUS_BLOB_TYPE) == 0)
			return "nydus";
		if (json_get(json_get(layer, "annotations"), "containerd.io/snapshot/stargz/toc.digest"))
			return "estargz";
		if (type && strcmp(type, OCI_LAYER "+zstd") == 0)
			return "zstd";
	}
	return NULL;
}

/* Fetches a manifest, by the reference's digest or tag. */
static int get(struct registry *registry, const struct ref *ref, const char *name, struct buf *text,
	       struct document **ret, struct error **err)
{
	cleanup_free char *type = NULL;
	char digest[DIGEST_LEN + 1];
	int r = registry_manifest(registry, ref, text, &type, digest, err);

	if (r < 0)
		return -1;
	if (r == 0)
		return error_make(err, ERROR_REGISTRY, "%s: no such image", name);
	return document_parse(text->data, text->len, type, digest, name, ret, err);
}

static int inspect_add_member(struct registry *registry, const struct ref *where, const struct document_entry *entry,
			      struct json *list, struct error **err)
{
	struct ref ref = *where;
	cleanup_document struct document *manifest = NULL;
	cleanup_buf struct buf text = { 0 };
	struct json *object = json_new_object();
	char shown[PLATFORM_TEXT];

	json_append(list, object);
	json_set_str(object, "digest", entry->blob.digest);
	if (entry->has_platform) {
		platform_text(&entry->platform, shown);
		json_set_str(object, "platform", shown);
	}
	json_set_bool(object, "attestation", entry->attestation);
	if (entry->attestation)
		return 0;
	ref.digest = (char *)entry->blob.digest;
	if (get(registry, &ref, entry->blob.digest, &text, &manifest, err) < 0)
		return -1;
	if (text.len != entry->blob.size)
		return error_make(err, ERROR_REGISTRY, "%s has another size than its index says", entry->blob.digest);
	json_set_str(object, "format", inspect_format(&text));
	return manifest->index ? 0 : inspect_read_config(registry, &ref, manifest, object, err);
}

static int inspect_describe(struct registry *registry, const struct ref *ref, const char *name, struct json *root,
			    struct error **err)
{
	cleanup_document struct document *document = NULL;
	cleanup_buf struct buf text = { 0 };
	cleanup_json struct json *json = NULL;
	const struct json *annotations;
	struct json *list = json_new_array();

	json_set(root, "platforms", list);
	if (get(registry, ref, name, &text, &document, err) < 0 || json_parse(text.data, text.len, name, &json, err) < 0)
		return -1;
	json_set_str(root, "reference", name);
	json_set_str(root, "digest", document->self.digest);
	json_set_str(root, "mediaType", document->self.media_type);
	annotations = json_get(json, "annotations");
	if (annotations)
		json_set(root, "annotations", json_clone(annotations));
	if (!document->index) {
		struct json *object = json_new_object();

		json_set_str(object, "digest", document->self.digest);
		json_set_str(object, "format", inspect_format(&text));
		json_append(list, object);
		return inspect_read_config(registry, ref, document, object, err);
	}
	for (size_t i = 0; i < document->len; i++) {
		if (inspect_add_member(registry, ref, &document->entries[i], list, err) < 0)
			return -1;
	}
	return 0;
}

static const char *inspect_text_of(const struct json *value)
{
	const char *text = json_text(value);

	return text ? text : "";
}

static void inspect_add_words(struct buf *out, const char *name, const struct json *list)
{
	if (json_len(list) == 0)
		return;
	buf_printf(out, "    %s", name);
	for (size_t i = 0; i < json_len(list); i++) {
		buf_char(out, ' ');
		text_shell(out, inspect_text_of(json_at(list, i)));
	}
	buf_char(out, '\n');
}

static void inspect_add_line(struct buf *out, const char *name, const char *value)
{
	if (value && *value)
		buf_printf(out, "    %s %s\n", name, value);
}

static void inspect_add_platform(struct buf *out, const struct json *member)
{
	const char *platform = json_str(member, "platform");
	const struct json *ports = json_get(member, "ExposedPorts"), *labels = json_get(member, "Labels");

	if (json_bool(member, "attestation")) {
		buf_printf(out, "  %-14s %s\n", "(attestation)", json_str(member, "digest"));
		return;
	}
	buf_printf(out, "  %-14s %s  ", platform ? platform : "?", json_str(member, "digest"));
	text_size(out, (uint64_t)json_int(member, "size"));
	if (json_str(member, "format"))
		buf_printf(out, "  %s", json_str(member, "format"));
	buf_char(out, '\n');
	inspect_add_line(out, "user", json_str(member, "User"));
	inspect_add_line(out, "folder", json_str(member, "WorkingDir"));
	inspect_add_words(out, "entrypoint", json_get(member, "Entrypoint"));
	inspect_add_words(out, "command", json_get(member, "Cmd"));
	for (const void *it = json_first(ports); it; it = json_next(ports, it))
		inspect_add_line(out, "port", json_key(it));
	for (const void *it = json_first(labels); it; it = json_next(labels, it)) {
		cleanup_free char *label = mem_printf("%s=%s", json_key(it), inspect_text_of(json_member(it)));

		inspect_add_line(out, "label", label);
	}
}

static void inspect_add_text(struct buf *out, const struct json *root)
{
	const struct json *annotations = json_get(root, "annotations"), *platforms = json_get(root, "platforms");

	buf_printf(out, "%s  %s\n", json_str(root, "reference"), json_str(root, "digest"));
	for (const void *it = json_first(annotations); it; it = json_next(annotations, it))
		buf_printf(out, "  %s=%s\n", json_key(it), inspect_text_of(json_member(it)));
	for (size_t i = 0; i < json_len(platforms); i++)
		inspect_add_platform(out, json_at(platforms, i));
}

static int inspect_inspect(struct session *session, const char *name, struct error **err)
{
	cleanup_json struct json *root = json_new_object();
	cleanup_buf struct buf out = { 0 };
	struct error *error = NULL;
	struct ref ref = { 0 };
	const char *why;
	int r;

	if (!ref_parse(name, &ref, &why))
		return error_make(err, ERROR_USAGE, "\"%s\" is not an image reference: %s", name, why);
	r = inspect_describe(session->registry, &ref, name, root, &error);
	ref_free(&ref);
	if (r < 0) {
		if (error->cls == ERROR_STATE)
			error->cls = ERROR_REGISTRY; /* malformed data comes from the registry */
		return error_move(err, &error);
	}
	if (strcmp(session->options->format, "json") != 0) {
		inspect_add_text(&out, root);
		return output_text(out.data, out.len, err);
	}
	json_dump(root, JSON_INDENT, &out);
	buf_char(&out, '\n');
	return output_data(out.data, out.len, err);
}

int cmd_inspect(const struct options *options, struct error **err)
{
	struct session session;
	int r;

	if (options->targets_len != 1)
		return error_make(err, ERROR_USAGE,
				  "inspect takes one image reference: cbuild inspect ghcr.io/acme/web:1");
	r = registry_session_open(&session, options, err);
	if (r == 0)
		r = inspect_inspect(&session, options->targets[0], err);
	session_close(&session);
	return r;
}
