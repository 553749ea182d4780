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
 * The store: an OCI image layout (image-spec, image-layout.md) that only cbuild writes. Thread-safe, and safe to use
 * from several cbuilds: blobs are added by link or rename, index.json is changed under a lock. When a function that
 * writes returns, everything is durable (fsync). Errors are ERROR_STATE.
 */
struct layout;

#define LAYOUT_MANIFEST_MAX (4u << 20) /* bytes of a manifest, an index or a config */

/* With `create`, makes the folder with oci-layout and blobs/sha256 (for index.json see layout_mend_tags); a wrong
 * oci-layout file is replaced. Without `create`, a missing blobs folder is ERROR_STATE. */
int layout_open(const char *dir, bool create, struct layout **ret, struct error **err);
void layout_free(struct layout *layout); /* NULL-safe */
void layout_cleanup(struct layout **layout);
#define cleanup_layout __attribute__((cleanup(layout_cleanup)))
const char *layout_dir(const struct layout *layout);

/* A new empty folder on the store's file system for a builder to deliver into, so that its blobs can be moved
 * (malloc'd path). It is removed by layout_free or, if this process is killed, by the next run's first write. */
int layout_staging(struct layout *layout, char **ret, struct error **err);

char *layout_blob_path(const struct layout *layout, const char *digest); /* malloc'd */
/* True when there is a blob of that digest and size (lstat only). size UINT64_MAX: any. For this and the next
 * function, what cannot be examined counts as missing; layout_seen reports it. */
bool layout_has(struct layout *layout, const char *digest, uint64_t size);
/* True when the image's manifest, config and all layers exist with their sizes (reads the manifest, lstats the
 * blobs). */
bool layout_complete(struct layout *layout, const char *manifest_digest);
/* Like ferror: negative when something could not be examined or read so far, which does not mean that it is gone. */
int layout_seen(struct layout *layout, struct error **err);
int layout_read(struct layout *layout, const char *digest, struct buf *ret,
		struct error **err); /* verified; at most LAYOUT_MANIFEST_MAX bytes */
int layout_write(struct layout *layout, const void *data, size_t len, char ret_digest[DIGEST_LEN + 1],
		 struct error **err);

/* Adds the file `path` to the store as a blob, by rename if possible; another digest or size is an error. */
int layout_adopt(struct layout *layout, const char *path, const char *digest, uint64_t size, struct error **err);

/* Imports the image for `platform` that a builder delivered in a folder of containers/image's "dir:" transport (manifest.json
 * of Docker schema 2, config and layers named by their hex digest). New blobs are hashed, and moved if they are on the same
 * file system; content that does not match its name is an error. The config is stored in its canonical form
 * (image_canonical_config), and the manifest is rewritten with OCI media types. */
int layout_import_dir(struct layout *layout, const char *dir, const struct platform *platform,
		      char ret_digest[DIGEST_LEN + 1], struct error **err);

/* Copies the image of a platform, or a whole index, from another layout, which somebody else may own. Blobs that the store has are not
 * copied again; one that is not what its digest says is an error. In tasks: layers may be large. */
int layout_copy(struct layout *layout, struct layout *from, const char *digest, struct error **err);

struct layout_member {
	const char *digest; /* of the platform's manifest */
	struct platform platform;
	const char *attestation; /* of its attestation manifest, or NULL */
};
struct layout_annotation {
	const char *key, *value;
};
/* An image index (image-index.md) of the members, in order, followed by their attestations: its text, or stored. It is in
 * Docker's format, which has no annotations, if the members are. Equal input gives an equal digest. */
int layout_index_text(struct layout *layout, const struct layout_member *members, size_t len,
		      const struct layout_annotation *annotations, size_t annotations_len, struct buf *ret,
		      struct error **err);
int layout_write_index(struct layout *layout, const struct layout_member *members, size_t len,
		       const struct layout_annotation *annotations, size_t annotations_len,
		       char ret_digest[DIGEST_LEN + 1], uint64_t *ret_size, struct error **err);

/* Stores an image's manifest with further annotations. The image is the same. */
int layout_annotate(struct layout *layout, const char *digest, const struct layout_annotation *annotations, size_t len,
		    char ret_digest[DIGEST_LEN + 1], struct error **err);
/* Stores an image's manifest in Docker's format. The image is the same. */
int layout_write_schema2(struct layout *layout, const char *digest, char ret_digest[DIGEST_LEN + 1], struct error **err);

/* Sets full references ("ghcr.io/x/y:1") to `digest` (an index or manifest of the store) in index.json, as the
 * annotation org.opencontainers.image.ref.name; existing references are moved. */
int layout_tag(struct layout *layout, const char *digest, const char *const *references, size_t len, struct error **err);
int layout_untag(struct layout *layout, const char *const *references, size_t len, struct error **err);
struct layout_ref {
	char *reference;
	char digest[DIGEST_LEN + 1];
};
/* All tagged entries, sorted by reference; free with layout_refs_free. */
int layout_refs(struct layout *layout, struct layout_ref **ret, size_t *ret_len, struct error **err);
void layout_refs_free(struct layout_ref *refs, size_t len);
/* True when oci-layout, or an index.json that was read, is damaged. */
bool layout_damaged(const struct layout *layout);
/* If index.json is missing, or was put aside as damaged, makes it again with those of these references whose images
 * exist. 1: it was damaged. */
int layout_mend_tags(struct layout *layout, const struct layout_ref *refs, size_t len, struct error **err);

/* Writes a stand-alone OCI layout folder at `dir` (hard links or copies) that contains only `digest` under
 * `reference`, nested index members included: for checkers and for loading. */
int layout_export(struct layout *layout, const char *digest, const char *reference, const char *dir, struct error **err);
/* The same as an uncompressed tar at `path`, with the annotation io.containerd.image.name for docker load and
 * containerd. Only as docker save writes it: podman takes HEALTHCHECK, SHELL and ONBUILD from that form alone. */
enum layout_tar { LAYOUT_TAR_WHOLE, LAYOUT_TAR_DOCKER };
int layout_export_tar(struct layout *layout, const char *digest, const char *const *references, size_t len,
		      enum layout_tar what, const char *path, struct error **err);
/* Several images as one layout in a tar at `path`, without their layers: a few kilobytes each, for an engine that has the layers. An image
 * may be there under several names. */
struct layout_bare {
	const char *digest; /* of an image for one platform */
	const char *const *references;
	size_t len;
};
int layout_export_bare(struct layout *layout, const struct layout_bare *images, size_t len, const char *path,
		       struct error **err);

#endif
