#ifndef ENGINE_REGISTRY_CLIENT_H
#define ENGINE_REGISTRY_CLIENT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/digest.h"

struct buf;
struct credentials;
struct descriptor;
struct error;
struct loop;
struct manifest;
struct ref;
struct registry_spec;

/*
 * A client of registries (OCI distribution-spec). Thread-safe; each call blocks. Everything that comes is checked: digests,
 * sizes, types. Errors are ERROR_REGISTRY, transient ones were tried again.
 *
 * Where a function takes a `ref`, its domain and repository say where; tag and digest count only where it says so.
 */
struct registry;

/* `manifest` may be NULL; otherwise it must outlive the client. Nothing is contacted before the first call. */
struct registry *registry_new(struct loop *loop, const struct manifest *manifest);
void registry_free(struct registry *registry); /* NULL-safe */

/* The manifest's settings for a registry, or NULL. */
const struct registry_spec *registry_settings(const struct registry *registry, const char *domain);
/* For others that talk to a registry with this client's settings. */
struct registry_trust {
	bool plain;                  /* plain HTTP will do */
	const char *ca, *cert, *key; /* PEM files, or NULL; borrowed from the client */
};
int registry_trust(struct registry *registry, const char *domain, struct registry_trust *ret, struct error **err);

/* Asks whether the registry takes this login. */
int registry_login(struct registry *registry, const char *domain, const struct credentials *credentials,
		   struct error **err);
/* Finds the login for a repository, so that threads beside the loop's own need not start a helper. */
int registry_prepare(struct registry *registry, const struct ref *ref, bool push, struct error **err);

/* The digest of what is under the reference's digest, else its tag ("latest" without one). 1, or 0 when there is nothing.
 * `push`: ask with the right to write, so that one login serves for the whole push. */
int registry_head(struct registry *registry, const struct ref *ref, bool push, char ret_digest[DIGEST_LEN + 1],
		  struct error **err);
/* The manifest or index itself, with its type (malloc'd). 1, or 0 when there is nothing. */
int registry_manifest(struct registry *registry, const struct ref *ref, struct buf *ret, char **ret_type,
		      char ret_digest[DIGEST_LEN + 1], struct error **err);
/* Puts a manifest or index under the reference's digest, else its tag. */
int registry_put_manifest(struct registry *registry, const struct ref *ref, const char *type, const void *data,
			  size_t len, struct error **err);

/* 1: a blob of that digest (and size, unless it is UINT64_MAX) is there; 0: not. */
int registry_has_blob(struct registry *registry, const struct ref *ref, const char *digest, uint64_t size,
		      struct error **err);
/* A small blob as a whole. */
int registry_read_blob(struct registry *registry, const struct ref *ref, const struct descriptor *blob, struct buf *ret,
		       struct error **err);
/* A blob of any size into the open file `fd`, from its beginning. */
int registry_fetch_blob(struct registry *registry, const struct ref *ref, const struct descriptor *blob, int fd,
			struct error **err);
/* Bytes that were sent; negative when they must be sent again. Called by any thread. */
typedef void registry_sent(void *data, int64_t bytes);
/* Sends the file `path`, or has the registry take the blob from its repository `from` (NULL: none) when it will. 1 when it
 * was sent, 0 when it was mounted. */
int registry_upload(struct registry *registry, const struct ref *ref, const struct descriptor *blob, const char *path,
		    const char *from, registry_sent *sent, void *data, struct error **err);

#endif
