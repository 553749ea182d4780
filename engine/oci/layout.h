#ifndef ENGINE_OCI_LAYOUT_H
#define ENGINE_OCI_LAYOUT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/digest.h"
#include "base/platform.h"

struct buf;
struct error;

/*
 * The store: an OCI image layout (image-spec, image-layout.md) that cbuild alone writes. Thread-safe, and
 * safe beside other cbuilds: blobs are added by link or rename, index.json is changed under a lock.
 * Everything is durable (fsync) when a function that writes returns. Errors are ERROR_STATE.
 */
struct layout;

#define LAYOUT_MANIFEST_MAX (4u << 20) /* bytes of a manifest, an index or a config */

/* Creates the folder with oci-layout and blobs/sha256 when `create` (index.json: layout_mend_tags); an oci-layout that is not as it was written is
 * then made anew. ERROR_STATE without `create` when there are no blobs. */
int layout_open(const char *dir, bool create, struct layout **ret, struct error **err);
void layout_free(struct layout *layout); /* NULL-safe */
void layout_cleanup(struct layout **layout);
#define cleanup_layout __attribute__((cleanup(layout_cleanup)))
const char *layout_dir(const struct layout *layout);

/* A fresh empty folder on the store's file system for a builder to deliver into, so that its blobs can be moved
 * (malloc'd path). It goes with layout_free, or with the next run's first write when this process was killed. */
int layout_staging(struct layout *layout, char **ret, struct error **err);

char *layout_blob_path(const struct layout *layout, const char *digest); /* malloc'd */
/* A blob of that digest and size is there (lstat; the content is not read). size UINT64_MAX: any. What cannot be looked at is
 * not there for this and the next one: layout_seen tells. */
bool layout_has(struct layout *layout, const char *digest, uint64_t size);
/* The image's manifest, config and every layer are there with their sizes (manifest read, blobs lstat). */
bool layout_complete(struct layout *layout, const char *manifest_digest);
/* As ferror: negative when something could not be looked at or read so far, which is not to say that it is gone. */
int layout_seen(struct layout *layout, struct error **err);
int layout_read(struct layout *layout, const char *digest, struct buf *ret,
		struct error **err); /* verified; LAYOUT_MANIFEST_MAX */
int layout_write(struct layout *layout, const void *data, size_t len, char ret_digest[DIGEST_LEN + 1],
		 struct error **err);

/* Takes the file `path` into the store as a blob, by rename where that can be; another digest or size is an error. */
int layout_adopt(struct layout *layout, const char *path, const char *digest, uint64_t size, struct error **err);

/*
 * Import of what a builder delivered. What is new is rehashed; a blob whose bytes are not its name's is
 * an error. Blobs are moved when they are on the same file system. Each returns the manifest digest of the
 * image for `platform` (attestation entries are left aside).
 */
/* A folder of containers/image's "dir:" transport (manifest.json of Docker schema 2, config and layers
 * named by their hex digest). The config is written in its canonical form (image_canonical_config: HEALTHCHECK, SHELL
 * and ONBUILD stay, what differs from run to run goes), the manifest anew with OCI media types. */
int layout_import_dir(struct layout *layout, const char *dir, const struct platform *platform,
		      char ret_digest[DIGEST_LEN + 1], struct error **err);
/* A tar of an OCI layout (docker buildx -o type=oci), streamed through libarchive straight into the store from an open file or
 * pipe, which is read up to the end of the tar. `name` is shown in errors. *ret_attestation (may be NULL) is the manifest of
 * what the builder says about the image, or "". */
int layout_import_stream(struct layout *layout, int fd, const char *name, const struct platform *platform,
			 char ret_digest[DIGEST_LEN + 1], char ret_attestation[DIGEST_LEN + 1], struct error **err);

struct layout_member {
	const char *digest; /* of the platform's manifest */
	struct platform platform;
	const char *attestation; /* the manifest of what is said about it, or NULL */
};
struct layout_annotation {
	const char *key, *value;
};
/* Writes an image index (image-index.md) over the members, in their order, and behind them what is said about them, as a blob. Equal input gives
 * an equal digest. */
int layout_write_index(struct layout *layout, const struct layout_member *members, size_t len,
		       const struct layout_annotation *annotations, size_t annotations_len,
		       char ret_digest[DIGEST_LEN + 1], uint64_t *ret_size, struct error **err);

/* index.json: `digest` (an index or a manifest in the store) under each full reference ("ghcr.io/x/y:1"),
 * as the annotation org.opencontainers.image.ref.name; a reference that pointed elsewhere is moved. */
int layout_tag(struct layout *layout, const char *digest, const char *const *references, size_t len, struct error **err);
int layout_untag(struct layout *layout, const char *const *references, size_t len, struct error **err);
struct layout_ref {
	char *reference;
	char digest[DIGEST_LEN + 1];
};
/* All tagged entries, sorted by reference; free with layout_refs_free. */
int layout_refs(struct layout *layout, struct layout_ref **ret, size_t *ret_len, struct error **err);
void layout_refs_free(struct layout_ref *refs, size_t len);
/* Whether oci-layout is, or an index.json that was read was, not as it was written. */
bool layout_damaged(const struct layout *layout);
/* An index.json that is missing, or is not as it was written and put aside, is made anew with these references, as far as their
 * images are there. 1: it was damaged. */
int layout_mend_tags(struct layout *layout, const struct layout_ref *refs, size_t len, struct error **err);

/* Writes a stand-alone OCI layout folder at `dir` (hard links or copies) with just `digest` under
 * `reference`: for checkers and for loading. Nested index members are included. */
int layout_export(struct layout *layout, const char *digest, const char *reference, const char *dir, struct error **err);
/* The same as an uncompressed tar at `path` (docker load and containerd read it: annotation
 * io.containerd.image.name is set too). */
int layout_export_tar(struct layout *layout, const char *digest, const char *const *references, size_t len,
		      const char *path, struct error **err);

#endif
