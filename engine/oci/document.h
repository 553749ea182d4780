#ifndef ENGINE_OCI_DOCUMENT_H
#define ENGINE_OCI_DOCUMENT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "engine/oci/image.h"

struct buf;
struct error;
struct json;
struct layout_annotation;

/* Manifests and image indexes as texts (image-spec, manifest.md and image-index.md, and Docker's schema 2 of both).
 * Everything is validated before it is used: digests become paths, and types decide how to parse. */

#define OCI_LAYOUT_VERSION "1.0.0"
#define OCI_LAYOUT_TEXT "{\"imageLayoutVersion\":\"" OCI_LAYOUT_VERSION "\"}"
#define OCI_LOCK "index.lock" /* beside index.json */

#define OCI_INDEX "application/vnd.oci.image.index.v1+json"
#define OCI_MANIFEST "application/vnd.oci.image.manifest.v1+json"
#define OCI_CONFIG "application/vnd.oci.image.config.v1+json"
#define OCI_LAYER "application/vnd.oci.image.layer.v1.tar"
#define OCI_LAYERS "application/vnd.oci.image.layer."
#define DOCKER_LIST "application/vnd.docker.distribution.manifest.list.v2+json"
#define DOCKER_MANIFEST "application/vnd.docker.distribution.manifest.v2+json"
#define DOCKER_CONFIG "application/vnd.docker.container.image.v1+json"
#define DOCKER_LAYER "application/vnd.docker.image.rootfs.diff.tar"

#define OCI_REF_NAME "org.opencontainers.image.ref.name"
#define OCI_CONTAINERD_NAME "io.containerd.image.name"
#define OCI_IN_TOTO "application/vnd.in-toto+json" /* the layers of an attestation */

#define OCI_DOCKER_REFERENCE_TYPE "vnd.docker.reference.type"
#define OCI_DOCKER_REFERENCE_DIGEST "vnd.docker.reference.digest"
#define OCI_ATTESTATION "attestation-manifest" /* a reference type */

struct document_entry {
	struct descriptor blob;
	bool attestation;           /* an attestation or another manifest about an image, not an image itself */
	char about[DIGEST_LEN + 1]; /* of an attestation: the manifest of the image, or "" */
	bool has_platform;
	struct platform platform;
};

struct document {
	bool index;
	bool artifact;                  /* it may be something else than an image */
	struct descriptor self;         /* media type; digest and size are those of the text */
	struct descriptor config;       /* of a manifest */
	struct document_entry *entries; /* its layers, or the members of an index */
	size_t len;
};

/* `media_type` is that of the descriptor that refers to it (NULL: unknown). `name` is used in errors. `digest` is
 * "" for a text that is not a blob. ERROR_STATE. */
int document_parse(const char *text, size_t len, const char *media_type, const char *digest, const char *name,
		   struct document **ret, struct error **err);
/* The same, of whatever types config and layers are: a signature, an SBOM. */
int document_parse_artifact(const char *text, size_t len, const char *media_type, const char *digest, const char *name,
			    struct document **ret, struct error **err);
void document_free(struct document *document);    /* NULL-safe */
bool document_type_known(const char *media_type); /* of a manifest or an index */
bool document_type_is_index(const char *media_type);

/* The members os, architecture and variant, normalised. False when there is no platform: "unknown/unknown", say. */
bool document_platform(const struct json *json, struct platform *ret);

/* Reads the file of a blob of at most LAYOUT_MANIFEST_MAX bytes and checks its digest. */
int document_read(const char *path, const char *digest, struct buf *ret, struct error **err);
int document_refuse_digest(const char *name, const char *digest, struct error **err);

/* {"digest","mediaType","size"} and, when not NULL, the platform. */
struct json *document_descriptor(const struct descriptor *descriptor, const struct platform *platform);
/* A list of images in Docker's schema 2, over `manifests` (owned from then on). */
void document_dump_list(struct json *manifests, struct buf *out);
/* An image index over `manifests` (owned from then on; NULL: none) with `annotations` (the same). */
void document_dump_index(struct json *manifests, struct json *annotations, struct buf *out);
/* An OCI image manifest made from Docker's; a type without an OCI counterpart is an error. */
int document_dump_manifest(const struct document *manifest, struct buf *out, struct error **err);
/* An image manifest in Docker's schema 2; layers of a type that it has no name for (zstd) are an error. */
int document_dump_schema2(const struct image *image, struct buf *out, struct error **err);

void document_cleanup(struct document **document);
#define cleanup_document __attribute__((cleanup(document_cleanup)))

#endif
