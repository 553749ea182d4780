#ifndef ENGINE_BUILDKIT_CONTENT_STORE_H
#define ENGINE_BUILDKIT_CONTENT_STORE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "engine/buildkit/grpc.h"

struct error;
struct layout;

/*
 * containerd.services.content.v1.Content: copies blobs from our stores to the daemon and back. Blobs that a store
 * already has are not sent to it.
 */
struct content_store {
	const char *id; /* the daemon's name for it: "export"; "oci:NAME" for oci-layout://NAME */
	struct layout *layout;
	bool takes; /* the daemon may write into it */
};

struct content;
/* The stores' texts and layouts are borrowed. */
struct content *content_new(const struct content_store *stores, size_t len);
void content_free(struct content *content); /* NULL-safe */
#define CONTENT_METHODS 3
void content_methods(struct content *content, struct grpc_method ret[CONTENT_METHODS]);

#endif
