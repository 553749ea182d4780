#ifndef ENGINE_OCI_TAR_STREAM_H
#define ENGINE_OCI_TAR_STREAM_H

#include <stddef.h>

#include "engine/oci/tar_head.h"

struct error;

/*
 * Splits an uncompressed tar, which comes in pieces of any size, into entries: for code that repacks a layer while
 * reading it. Errors are ERROR_STATE, and those of the receiver.
 */
struct tar_receiver {
	/* An entry begins; `head` is valid until the next one. `raw` are the blocks of its header, with extensions
	 * and padding. */
	int (*entry)(void *data, const struct tar_head *head, const char *raw, size_t len, struct error **err);
	/* Bytes of its content, in order. */
	int (*content)(void *data, const char *bytes, size_t len, struct error **err);
	/* The content is complete; only for entries that have one (size > 0). */
	int (*content_end)(void *data, struct error **err);
	/* The padding after the content. NULL: not wanted. */
	int (*padding)(void *data, const char *bytes, size_t len, struct error **err);
	void *data;
};

struct tar_stream;
/* `receiver` must outlive it. */
struct tar_stream *tar_stream_new(const struct tar_receiver *receiver);
void tar_stream_free(struct tar_stream *stream); /* NULL-safe */
/* Bytes after the end of the tar are ignored. */
int tar_stream_add(struct tar_stream *stream, const void *data, size_t len, struct error **err);
/* An error when the tar ends within an entry. */
int tar_stream_end(const struct tar_stream *stream, struct error **err);

#endif
