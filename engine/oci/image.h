#ifndef ENGINE_OCI_IMAGE_H
#define ENGINE_OCI_IMAGE_H

#include <stddef.h>
#include <stdint.h>

#include "base/digest.h"
#include "base/platform.h"

struct buf;
struct error;
struct layout;

/* One platform's image as OCI image-spec (manifest.md, config.md) describes it. */
struct descriptor {
	char *media_type;
	char digest[DIGEST_LEN + 1];
	uint64_t size;
};

struct image {
	struct descriptor manifest;
	struct descriptor config; /* config.digest is the image's identity everywhere */
	struct descriptor *layers;
	size_t layers_len;
	char (*diff_ids)[DIGEST_LEN + 1];
	size_t diff_ids_len;
	uint64_t size; /* bytes of config and layers as stored (compressed) */
	struct platform platform;
	/* from the config */
	char *user;        /* "" when not set */
	char **entrypoint; /* NULL-terminated; may be empty */
	char **cmd;
	char **ports;  /* "8000/tcp", sorted */
	char **labels; /* key, value, key, value, ..., NULL; sorted by key */
	char **env;    /* "NAME=value" */
	char **onbuild;
	char **history; /* when each step was made, as the config writes it ("" if it does not say), oldest first; NULL-terminated */
	char *healthcheck; /* the JSON text of config.Healthcheck, or NULL */
};

/* Reads and checks (digests, sizes, types, both `manifests` and `layers` refused) the image whose manifest
 * is `digest`. ERROR_STATE. */
int image_read(struct layout *layout, const char *digest, struct image **ret, struct error **err);
void image_free(struct image *image); /* NULL-safe */
void image_cleanup(struct image **image);
#define cleanup_image __attribute__((cleanup(image_cleanup)))
/* The same facts from a config blob alone (an image in a builder's own storage): manifest and layers stay empty. */
int image_read_config(const char *json, size_t len, const char *name, struct image **ret, struct error **err);

/*
 * Appends the canonical form of a config: the members that the image-spec and BuildKit know (HEALTHCHECK, SHELL and ONBUILD
 * among them), without those that differ from build to build (container ids, host names, parents, the ids of
 * intermediate images in comments, IMAGE_STEP_KEY), as canonical JSON. Equal images have equal bytes, whichever run built them.
 */
#define IMAGE_STEP_KEY " --mount=type=secret,id=cbuild-key." /* a hash (HASH_HEX) follows */
int image_canonical_config(const char *json, size_t len, const char *name, struct buf *ret, struct error **err);

#endif
