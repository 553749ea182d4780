#include "config.h"

#include <ctype.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/error.h"
#include "base/fs.h"
#include "base/mem.h"
#include "base/ref.h"
#include "engine/io/http.h"
#include "engine/oci/image.h"
#include "engine/oci/layout.h"
#include "engine/registry/endpoint.h"
#include "engine/registry/registry_internal.h"
#include "engine/registry/transport.h"

/* Looking at blobs, and reading them. */

static char *blob_path(const struct ref *ref, const char *digest)
{
	return mem_printf("/v2/%s/blobs/%s", ref->repository, digest);
}

/* Asks for a blob with HEAD or, if the registry does not support it, for its first byte. */
static int look_at_blob(const struct spot *spot, const char *path, const char *method, struct http_response *ret,
			struct error **err)
{
	static const char *const range[] = { "Range: bytes=0-0", NULL };
	bool head = strcmp(method, "HEAD") == 0;
	struct exchange exchange = { .method = method,
				     .path = path,
				     .want = spot->want,
				     .headers = head ? NULL : range,
				     .body_fd = -1,
				     .body_max = 1 };

	return transport_do(spot->endpoint, &exchange, ret, err);
}

/* The length of that blob; UINT64_MAX: the answer does not say. */
static uint64_t blob_length(const struct http_response *response)
{
	cleanup_free char *range = http_header(response, "Content-Range", 0);
	cleanup_free char *length = http_header(response, "Content-Length", 0);
	const char *said = response->status == 206 ? range ? strchr(range, '/') : NULL : length;

	if (said && *said == '/')
		said++;
	return said && isdigit((unsigned char)*said) ? strtoull(said, NULL, 10) : UINT64_MAX;
}

int registry_has_blob(struct registry *registry, const struct ref *ref, bool push, const char *digest, uint64_t size,
		      struct error **err)
{
	cleanup_spot struct spot spot = { 0 };
	cleanup_http struct http_response response = { 0 };
	cleanup_free char *path = blob_path(ref, digest);
	uint64_t length;

	if (spot_find(registry, ref, push, NULL, &spot, err) < 0 || look_at_blob(&spot, path, "HEAD", &response, err) < 0)
		return -1;
	if (transport_head_unknown(&response)) {
		http_response_free(&response);
		if (look_at_blob(&spot, path, "GET", &response, err) < 0)
			return -1;
	}
	if (response.status == 404)
		return 0;
	if (response.status != 200 && response.status != 206)
		return transport_refuse(spot.endpoint, &spot.want, &response, digest, err);
	length = blob_length(&response);
	/* A blob of another size is damaged: sending it again repairs it. */
	return size == UINT64_MAX || length == UINT64_MAX || length == size;
}

/* A body being read into a buffer or file. */
struct stream {
	const struct descriptor *blob;
	struct sha256 *sha;
	uint64_t size;
	bool long_one;   /* it is longer than it should be */
	struct buf *buf; /* or NULL: */
	int fd;
	struct error *error; /* of writing to the file */
};

static void begin_stream(void *data)
{
	struct stream *stream = data;
	char ignored[DIGEST_LEN + 1];

	sha256_done(stream->sha, ignored);
	stream->size = 0;
	stream->long_one = false;
	if (stream->buf)
		buf_reset(stream->buf);
	else if (lseek(stream->fd, 0, SEEK_SET) < 0 || ftruncate(stream->fd, 0) < 0)
		error_errno(&stream->error, ERROR_STATE, errno, "a file for a blob");
}

static int take_stream(void *data, const void *bytes, size_t len)
{
	struct stream *stream = data;

	stream->size += len;
	stream->long_one = stream->size > stream->blob->size;
	if (stream->long_one)
		return -1;
	sha256_add(stream->sha, bytes, len);
	if (stream->buf)
		buf_add(stream->buf, bytes, len);
	else if (!stream->error)
		fs_write_all(stream->fd, bytes, len, stream->blob->digest, &stream->error);
	return stream->error ? -1 : 0;
}

static int check_stream(struct stream *stream, const char *domain, struct error **err)
{
	char digest[DIGEST_LEN + 1];

	sha256_done(stream->sha, digest);
	if (stream->size != stream->blob->size || strcmp(digest, stream->blob->digest) != 0)
		return error_make(err, ERROR_REGISTRY, "%s: the blob %s that it sends has an unexpected digest", domain,
				  stream->blob->digest);
	return 0;
}

static int blob_fetch(struct registry *registry, const struct ref *ref, struct stream *stream, struct error **err)
{
	cleanup_spot struct spot spot = { 0 };
	cleanup_http struct http_response response = { 0 };
	cleanup_free char *path = blob_path(ref, stream->blob->digest);
	struct error *error = NULL;
	struct exchange exchange = {
		.method = "GET",
		.path = path,
		.body_fd = -1,
		.bytes = stream->blob->size,
		.take = take_stream,
		.take_data = stream,
		.begin = begin_stream,
	};

	if (spot_find(registry, ref, false, NULL, &spot, err) < 0)
		return -1;
	exchange.want = spot.want;
	if (transport_do(spot.endpoint, &exchange, &response, &error) < 0) {
		if (stream->long_one || stream->error)
			error_free(steal_ptr(error));
		if (stream->error)
			return error_move(err, &stream->error);
		if (stream->long_one)
			return error_make(err, ERROR_REGISTRY,
					  "%s: the blob %s that it sends is longer than it should be", ref->domain,
					  stream->blob->digest);
		return error_move(err, &error);
	}
	if (response.status != 200)
		return transport_refuse(spot.endpoint, &spot.want, &response, stream->blob->digest, err);
	return check_stream(stream, ref->domain, err);
}

static int fetch_with(struct registry *registry, const struct ref *ref, struct stream *stream, struct error **err)
{
	int r = sha256_new(&stream->sha, err);

	if (r == 0)
		r = blob_fetch(registry, ref, stream, err);
	sha256_free(stream->sha);
	return r;
}

int registry_read_blob(struct registry *registry, const struct ref *ref, const struct descriptor *blob, struct buf *ret,
		       struct error **err)
{
	struct stream stream = { .blob = blob, .buf = ret };

	if (blob->size > LAYOUT_MANIFEST_MAX)
		return error_make(err, ERROR_REGISTRY, "%s: the blob %s is too large to be a config", ref->domain,
				  blob->digest);
	return fetch_with(registry, ref, &stream, err);
}

int registry_fetch_blob(struct registry *registry, const struct ref *ref, const struct descriptor *blob, int fd,
			struct error **err)
{
	struct stream stream = { .blob = blob, .fd = fd };
	int r = fetch_with(registry, ref, &stream, err);

	return stream.error ? error_move(err, &stream.error) : r;
}
