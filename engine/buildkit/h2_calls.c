#include "config.h"

#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/mem.h"
#include "engine/buildkit/conn.h"
#include "engine/buildkit/h2.h"
#include "engine/buildkit/h2_private.h"
#include "engine/io/loop.h"

#define KEEP_CAPACITY ((size_t)64 << 10) /* bytes of memory that an emptied queue may keep */

static int transient(struct error **err, struct error *error)
{
	error->transient = true;
	return error_move(err, &error);
}

/* Why the stream can neither read nor write any more. */
static int over(const struct h2_stream *stream, struct error **err)
{
	struct error *error = NULL;

	if (stream->h2->error)
		return error_copy(err, stream->h2->error);
	error_make(&error, ERROR_TOOL, "%s reset the stream (HTTP/2 code %u)", conn_name(stream->h2->root->conn),
		   (unsigned)stream->code);
	return transient(err, error);
}

/* Waits for a moment until something about the stream changes. */
static int pause_stream(struct h2_stream *stream, struct error **err)
{
	const struct h2 *needs = stream->needs;

	if (needs && needs->error) {
		if (!stream->needs_until)
			stream->needs_until = loop_now_ms() + H2_NEEDS_MS;
		if (loop_now_ms() >= stream->needs_until)
			return error_copy(err, needs->error);
	}
	return h2_pause(stream->h2->root, &stream->changed, stream->until, err);
}

void h2_limit(struct h2_stream *stream, uint64_t until)
{
	pthread_mutex_lock(&stream->h2->root->lock);
	stream->until = until;
	pthread_mutex_unlock(&stream->h2->root->lock);
}

void h2_need(struct h2_stream *stream, struct h2 *nested)
{
	pthread_mutex_lock(&stream->h2->root->lock);
	stream->needs = nested;
	pthread_mutex_unlock(&stream->h2->root->lock);
}

int h2_open(struct h2 *h2, const struct h2_field *fields, size_t len, struct h2_stream **ret, struct error **err)
{
	struct root *root = h2->root;
	struct h2_stream *stream;
	struct error *error = NULL;
	int r = -1;

	pthread_mutex_lock(&root->lock);
	stream = h2_stream_new(h2);
	if (h2->error) {
		error_copy(err, h2->error);
	} else if (h2->leaving) {
		error_make(&error, ERROR_TOOL, "%s accepts no more requests", conn_name(root->conn));
		transient(err, error);
	} else {
		r = h2_submit_request(stream, fields, len, err);
	}
	if (r < 0) {
		stream->owned = false;
		h2_stream_release(stream);
	} else {
		h2_wake(root);
		*ret = stream;
	}
	pthread_mutex_unlock(&root->lock);
	return r;
}

int h2_respond(struct h2_stream *stream, const struct h2_field *fields, size_t len, bool last, struct error **err)
{
	struct root *root = stream->h2->root;
	int r;

	pthread_mutex_lock(&root->lock);
	if (stream->closed)
		r = over(stream, err);
	else
		r = h2_submit_response(stream, fields, len, last, err);
	stream->out_ended = stream->out_ended || last;
	h2_wake(root);
	pthread_mutex_unlock(&root->lock);
	return r;
}

/* The server has answered and wants no more: its answer can be read. */
static bool answered(const struct h2_stream *stream)
{
	return stream->closed && stream->in_ended && !stream->h2->role.accept && !stream->h2->error;
}

static size_t queued(const struct h2_stream *stream)
{
	return stream->out.len - stream->out_at;
}

int h2_write(struct h2_stream *stream, const void *data, size_t len, struct error **err)
{
	struct root *root = stream->h2->root;
	const char *at = data;
	int r = 0;

	pthread_mutex_lock(&root->lock);
	while (r == 0 && len > 0 && !answered(stream)) {
		size_t room = queued(stream) < H2_QUEUE ? H2_QUEUE - queued(stream) : 0;

		if (stream->closed) {
			r = over(stream, err);
		} else if (room == 0) {
			r = pause_stream(stream, err);
		} else {
			room = room < len ? room : len;
			buf_add(&stream->out, at, room);
			at += room;
			len -= room;
			h2_stir(stream);
		}
	}
	pthread_mutex_unlock(&root->lock);
	return r;
}

int h2_finish(struct h2_stream *stream, const struct h2_field *trailers, size_t len, struct error **err)
{
	struct root *root = stream->h2->root;
	int r = 0;

	pthread_mutex_lock(&root->lock);
	if (stream->closed && !answered(stream)) {
		r = over(stream, err);
	} else if (!stream->closed && !stream->out_ended) {
		stream->trailers = mem_array(len + 1, sizeof(*stream->trailers));
		for (size_t i = 0; i < len; i++)
			stream->trailers[i] =
				(struct header){ mem_strdup(trailers[i].name), mem_strdup(trailers[i].value) };
		stream->trailers_len = len;
		stream->out_ended = true;
		h2_stir(stream);
	}
	pthread_mutex_unlock(&root->lock);
	return r;
}

int h2_read(struct h2_stream *stream, struct buf *ret, struct error **err)
{
	struct root *root = stream->h2->root;
	int r = 0;

	pthread_mutex_lock(&root->lock);
	while (r == 0 && stream->in_at == stream->in.len && !stream->in_ended && !stream->closed)
		r = pause_stream(stream, err);
	if (r == 0 && stream->in_at < stream->in.len) {
		size_t len = stream->in.len - stream->in_at;

		buf_add(ret, stream->in.data + stream->in_at, len);
		if (stream->in.cap > KEEP_CAPACITY)
			buf_free(&stream->in);
		buf_reset(&stream->in);
		stream->in_at = 0;
		if (!stream->closed)
			h2_consumed(stream, len);
		r = 1;
	} else if (r == 0 && !stream->in_ended) {
		r = over(stream, err);
	}
	pthread_mutex_unlock(&root->lock);
	return r;
}

int h2_wait_headers(struct h2_stream *stream, struct error **err)
{
	struct root *root = stream->h2->root;
	int r = 0;

	pthread_mutex_lock(&root->lock);
	while (r == 0 && !stream->headers_done && !stream->closed)
		r = pause_stream(stream, err);
	if (r == 0 && !stream->headers_done)
		r = over(stream, err);
	pthread_mutex_unlock(&root->lock);
	return r;
}

const char *h2_header(const struct h2_stream *stream, const char *name, size_t nth)
{
	struct root *root = stream->h2->root;
	const char *value = NULL;

	pthread_mutex_lock(&root->lock);
	for (size_t i = 0; !value && i < stream->headers_len; i++)
		if (strcmp(stream->headers[i].name, name) == 0 && nth-- == 0)
			value = stream->headers[i].value;
	pthread_mutex_unlock(&root->lock);
	return value;
}

void h2_stream_free(struct h2_stream *stream)
{
	struct root *root;

	if (!stream)
		return;
	root = stream->h2->root;
	pthread_mutex_lock(&root->lock);
	/* The server's answer has been sent to its end; h2.c then resets a stream that the client leaves open. */
	if (!stream->closed && (!stream->out_ended || (!stream->h2->role.accept && !stream->in_ended)))
		h2_submit_reset(stream);
	else if (!stream->closed && stream->in_at < stream->in.len)
		h2_consumed(stream, stream->in.len - stream->in_at);
	stream->owned = false;
	h2_wake(root);
	h2_stream_release(stream);
	pthread_mutex_unlock(&root->lock);
}
