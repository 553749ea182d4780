#ifndef ENGINE_REGISTRY_CLIENT_H
#define ENGINE_REGISTRY_CLIENT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/digest.h"

struct buf;
struct credentials;
struct descriptor;
struct document;
struct error;
struct loop;
struct manifest;
struct ref;

/*
 * A client of registries (OCI distribution-spec). Thread-safe; each call blocks. Everything received is checked:
 * digests, sizes, types. Errors are ERROR_REGISTRY; transient ones have already been retried.
 *
 * Where a function takes a `ref`, its domain and repository count; tag and digest only if the function says so.
 */
struct registry;

/* `manifest` may be NULL; otherwise it must outlive the client. Nothing is contacted before the first call. */
struct registry *registry_new(struct loop *loop, const struct manifest *manifest);
void registry_free(struct registry *registry); /* NULL-safe */

/* The connection settings, for others that talk to the same registry. */
struct registry_trust {
	bool plain;             /* plain HTTP is allowed */
	const char *const *ca;  /* PEM files, NULL-terminated, or NULL; all borrowed from the client */
	const char *cert, *key; /* PEM files, or NULL */
};
int registry_trust(struct registry *registry, const char *domain, struct registry_trust *ret, struct error **err);

/* Checks that something answers there: one attempt to connect, of some seconds at most; every caller gets its result. */
int registry_reach(struct registry *registry, const struct ref *ref, struct error **err);
/* Checks that the registry accepts this login. */
int registry_login(struct registry *registry, const char *domain, const struct credentials *credentials,
		   struct error **err);
/* The login for the reference's repository, or NULL; borrowed from the client. */
int registry_find_login(struct registry *registry, const struct ref *ref, const struct credentials **ret,
			struct error **err);
/* Looks up the login for a repository in advance, so that other threads need not start a credential helper. */
int registry_prepare(struct registry *registry, const struct ref *ref, struct error **err);

/* The digest of the reference's digest, else of its tag ("latest" without one). 1, or 0 when there is nothing.
 * `push`: ask for write access, so that one login serves for the whole push. */
int registry_head(struct registry *registry, const struct ref *ref, bool push, char ret_digest[DIGEST_LEN + 1],
		  struct error **err);
/* The manifest or index itself, with its type (malloc'd). 1, or 0 when there is nothing. */
int registry_manifest(struct registry *registry, const struct ref *ref, struct buf *ret, char **ret_type,
		      char ret_digest[DIGEST_LEN + 1], struct error **err);
/* The same, read (document.h; the caller's). */
int registry_document(struct registry *registry, const struct ref *ref, struct buf *ret_text, struct document **ret,
		      struct error **err);
/* The same of a manifest that need not be an image's: a signature, an SBOM. `push` as above. */
int registry_artifact(struct registry *registry, const struct ref *ref, bool push, struct buf *ret_text,
		      struct document **ret, struct error **err);
/* Puts a manifest or index under the reference's digest, else its tag. */
int registry_put_manifest(struct registry *registry, const struct ref *ref, const char *type, const void *data,
			  size_t len, struct error **err);

/* The same of one with a "subject". *ret_listed: the registry itself lists it as a referrer of that. */
int registry_put_artifact(struct registry *registry, const struct ref *ref, const char *type, const void *data,
			  size_t len, bool *ret_listed, struct error **err);
/* What the registry's referrers API answers about a digest (referrers.h): 1; 0: it has no such API. */
int registry_get_referrers(struct registry *registry, const struct ref *ref, const char *digest, struct buf *ret,
			   struct error **err);

/* 1: there is a blob of that digest (and size, unless it is UINT64_MAX); 0: there is not. */
int registry_has_blob(struct registry *registry, const struct ref *ref, bool push, const char *digest, uint64_t size,
		      struct error **err);
/* Reads a small blob as a whole. */
int registry_read_blob(struct registry *registry, const struct ref *ref, const struct descriptor *blob, struct buf *ret,
		       struct error **err);
/* Reads a blob of any size into the open file `fd`, from its beginning. */
int registry_fetch_blob(struct registry *registry, const struct ref *ref, const struct descriptor *blob, int fd,
			struct error **err);
/* Bytes that were sent; negative when they must be sent again. Called by any thread. */
typedef void registry_sent(void *data, int64_t bytes);
/* Sends the open file `fd`, or lets the registry mount the blob from its repository `from` (NULL: none) if it can. 1
 * when it was sent, 0 when it was mounted. */
int registry_upload(struct registry *registry, const struct ref *ref, const struct descriptor *blob, int fd,
		    const char *from, registry_sent *sent, void *data, struct error **err);
/* Lets the registry mount a blob from its repository `from`: 1; 0: it does not. */
int registry_mount(struct registry *registry, const struct ref *ref, const struct descriptor *blob, const char *from,
		   struct error **err);

#endif
