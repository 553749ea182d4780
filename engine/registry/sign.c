#include "config.h"

#include "engine/registry/sign.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "base/base64.h"
#include "base/buf.h"
#include "base/ec_key.h"
#include "base/error.h"
#include "base/json.h"
#include "base/mem.h"
#include "base/ref.h"
#include "base/text.h"
#include "engine/oci/document.h"
#include "engine/registry/artifact.h"
#include "engine/registry/client.h"
#include "engine/registry/referrers.h"

#define SIMPLE_SIGNING "application/vnd.dev.cosign.simplesigning.v1+json"
#define SIGNATURE_TYPE "application/vnd.dev.cosign.artifact.sig.v1+json"
#define SIGNATURE_NOTE "dev.cosignproject.cosign/signature"
#define PAYLOAD_TYPE "cosign container image signature"
#define PAYLOAD_MAX (64u << 10) /* bytes of a payload */
#define SIGNATURES_MAX 100      /* of one image that are looked at */

/* ---- verifying ---- */

static bool payload_is_about(const struct buf *payload, const char *digest)
{
	cleanup_json struct json *json = NULL;
	const struct json *critical;

	if (json_parse(payload->data, payload->len, "a payload", &json, NULL) < 0)
		return false;
	critical = json_get(json, "critical");
	return text_same(json_str(critical, "type"), PAYLOAD_TYPE) &&
	       text_same(json_str(json_get(critical, "image"), "docker-manifest-digest"), digest);
}

/* Whether the layer is a signature by the key over a payload about the digest: 1 or 0. */
static int verify_layer(struct registry *registry, const struct ref *repository, const struct json *layer,
			const char *digest, const struct ec_key *key, struct error **err)
{
	const char *text = json_str(json_get(layer, "annotations"), SIGNATURE_NOTE), *blob = json_str(layer, "digest");
	struct descriptor descriptor = { .size = (uint64_t)json_int(layer, "size") };
	cleanup_buf struct buf signature = { 0 }, payload = { 0 };

	if (!text_same(json_str(layer, "mediaType"), SIMPLE_SIGNING) || !text || !base64_decode(text, &signature) ||
	    !blob || !digest_valid(blob) || descriptor.size > PAYLOAD_MAX)
		return 0;
	memcpy(descriptor.digest, blob, DIGEST_LEN + 1);
	if (registry_read_blob(registry, repository, &descriptor, &payload, err) < 0)
		return -1;
	if (!payload_is_about(&payload, digest))
		return 0;
	return ec_key_verify(key, payload.data, payload.len, signature.data, signature.len, err);
}

static int verify_manifest(struct registry *registry, const struct ref *repository, const struct buf *text,
			   const char *digest, const struct ec_key *key, struct error **err)
{
	cleanup_json struct json *json = NULL;
	const struct json *layers;
	int r = 0;

	if (json_parse(text->data, text->len, "a signature", &json, err) < 0)
		return -1;
	layers = json_get(json, "layers");
	for (size_t i = 0; i < json_len(layers) && i < SIGNATURES_MAX && r == 0; i++)
		r = verify_layer(registry, repository, json_at(layers, i), digest, key, err);
	return r;
}

/* The manifest under the tag: 1, or 0 without one. */
static int read_signatures(struct registry *registry, const struct ref *repository, const char *digest, bool push,
			   struct buf *ret, struct error **err)
{
	cleanup_free char *tag = referrers_tag(digest, ".sig");
	struct ref ref = { .domain = repository->domain, .repository = repository->repository, .tag = tag };
	cleanup_document struct document *ignored = NULL;

	return registry_artifact(registry, &ref, push, ret, &ignored, err);
}

static int verify_referrer(struct registry *registry, const struct ref *repository, const char *referrer,
			   const char *digest, const struct ec_key *key, struct error **err)
{
	struct ref ref = { .domain = repository->domain, .repository = repository->repository, .digest = (char *)referrer };
	cleanup_buf struct buf text = { 0 };
	cleanup_document struct document *ignored = NULL;
	int r = registry_artifact(registry, &ref, false, &text, &ignored, err);

	return r > 0 ? verify_manifest(registry, repository, &text, digest, key, err) : r;
}

int sign_verify(struct registry *registry, const struct ref *repository, const char *digest, const struct ec_key *key,
		struct error **err)
{
	cleanup_buf struct buf text = { 0 };
	cleanup_json struct json *list = NULL;
	int r = read_signatures(registry, repository, digest, false, &text, err);

	if (r > 0)
		r = verify_manifest(registry, repository, &text, digest, key, err);
	if (r != 0)
		return r;
	if (referrers_list(registry, repository, digest, &list, err) < 0)
		return -1;
	for (size_t i = 0; i < json_len(list) && i < SIGNATURES_MAX && r == 0; i++) {
		const struct json *entry = json_at(list, i);
		const char *referrer = json_str(entry, "digest");

		if (text_same(json_str(entry, "artifactType"), SIGNATURE_TYPE) && referrer && digest_valid(referrer))
			r = verify_referrer(registry, repository, referrer, digest, key, err);
	}
	return r;
}

/* ---- signing ---- */

static void dump_payload(const struct ref *repository, const char *digest, struct buf *ret)
{
	cleanup_free char *name = mem_printf("%s/%s", repository->domain, repository->repository);
	cleanup_json struct json *json = json_new_object();
	struct json *critical = json_new_object(), *identity = json_new_object(), *image = json_new_object();

	json_set_str(identity, "docker-reference", name);
	json_set_str(image, "docker-manifest-digest", digest);
	json_set(critical, "identity", identity);
	json_set(critical, "image", image);
	json_set_str(critical, "type", PAYLOAD_TYPE);
	json_set(json, "critical", critical);
	json_set(json, "optional", json_new_null());
	json_dump(json, JSON_COMPACT, ret);
}

static int add_signature(struct registry *registry, const struct ref *repository, const char *digest,
			 const struct ec_key *key, struct json *layers, struct error **err)
{
	cleanup_buf struct buf payload = { 0 }, signature = { 0 }, text = { 0 };
	struct descriptor blob;
	struct json *layer, *annotations;

	dump_payload(repository, digest, &payload);
	if (ec_key_sign(key, payload.data, payload.len, &signature, err) < 0 ||
	    artifact_send(registry, repository, SIMPLE_SIGNING, payload.data, payload.len, &blob, err) < 0)
		return -1;
	base64_encode(signature.data, signature.len, &text);
	annotations = json_new_object();
	json_set_str(annotations, SIGNATURE_NOTE, text.data);
	layer = document_descriptor(&blob, NULL);
	json_set(layer, "annotations", annotations);
	json_append(layers, layer);
	free(blob.media_type);
	return 0;
}

/* Readers take it for an image, so its config lists the layers. */
static int send_config(struct registry *registry, const struct ref *repository, const struct json *layers,
		       struct descriptor *ret, struct error **err)
{
	cleanup_json struct json *config = json_new_object();
	cleanup_buf struct buf text = { 0 };
	struct json *rootfs = json_new_object(), *ids = json_new_array();

	for (size_t i = 0; i < json_len(layers); i++)
		json_append(ids, json_new_string(json_str(json_at(layers, i), "digest")));
	json_set_str(rootfs, "type", "layers");
	json_set(rootfs, "diff_ids", ids);
	json_set_str(config, "architecture", "");
	json_set_str(config, "os", "");
	json_set(config, "config", json_new_object());
	json_set(config, "rootfs", rootfs);
	json_dump(config, JSON_COMPACT, &text);
	return artifact_send(registry, repository, OCI_CONFIG, text.data, text.len, ret, err);
}

static int put_signatures(struct registry *registry, const struct ref *repository, const char *digest,
			  struct json *layers, struct error **err)
{
	cleanup_free char *tag = referrers_tag(digest, ".sig");
	cleanup_buf struct buf text = { 0 };
	struct descriptor config = { 0 }, subject = { 0 };
	char put[DIGEST_LEN + 1];
	int r = artifact_subject(registry, repository, digest, &subject, err);

	if (r == 0)
		r = send_config(registry, repository, layers, &config, err);
	if (r == 0) {
		artifact_dump(SIGNATURE_TYPE, &config, json_clone(layers), &subject, NULL, &text);
		r = referrers_put(registry, repository, digest, &text, tag, put, err);
	}
	free(config.media_type);
	free(subject.media_type);
	return r;
}

int sign_digest(struct registry *registry, const struct ref *repository, const char *digest, const struct ec_key *key,
		struct error **err)
{
	cleanup_json struct json *held = NULL, *layers = json_new_array();
	cleanup_buf struct buf text = { 0 };
	int r = read_signatures(registry, repository, digest, true, &text, err);

	if (r > 0) {
		r = verify_manifest(registry, repository, &text, digest, key, err);
		if (r != 0)
			return r < 0 ? -1 : 0;
		if (json_parse(text.data, text.len, "a signature", &held, err) < 0)
			return -1;
		for (size_t i = 0; i < json_len(json_get(held, "layers")); i++)
			json_append(layers, json_clone(json_at(json_get(held, "layers"), i)));
	}
	if (r < 0 || add_signature(registry, repository, digest, key, layers, err) < 0 ||
	    put_signatures(registry, repository, digest, layers, err) < 0)
		return -1;
	return 1;
}
