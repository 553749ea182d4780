#include "config.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/error.h"
#include "base/mem.h"
#include "engine/buildkit/conn.h"
#include "engine/buildkit/h2.h"
#include "engine/buildkit/h2_private.h"
#include "engine/io/loop.h"

#define TICK_MS 50       /* how long a cancel may go unnoticed */
#define INTERNAL_ERROR 2 /* the code of HTTP/2 */

void h2_cond_init(pthread_cond_t *cond)
{
	pthread_condattr_t attr;

	pthread_condattr_init(&attr);
#ifdef HAVE_PTHREAD_CONDATTR_SETCLOCK
	pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
#endif
	pthread_cond_init(cond, &attr);
	pthread_condattr_destroy(&attr);
}

int h2_pause(struct root *root, pthread_cond_t *cond, uint64_t until, struct error **err)
{
	struct error *error = NULL;
	struct timespec end;

	if (root->loop && loop_cancelled(root->loop))
		return error_make(err, ERROR_CANCELLED, "interrupted");
	if (until && loop_now_ms() >= until) {
		error_make(&error, ERROR_TOOL, "%s does not answer", conn_name(root->conn));
		error->transient = true;
		return error_move(err, &error);
	}
#ifdef HAVE_PTHREAD_CONDATTR_SETCLOCK
	clock_gettime(CLOCK_MONOTONIC, &end);
#else
	clock_gettime(CLOCK_REALTIME, &end);
#endif
	end.tv_nsec += TICK_MS * 1000000L;
	if (end.tv_nsec >= 1000000000L) {
		end.tv_nsec -= 1000000000L;
		end.tv_sec++;
	}
	pthread_cond_timedwait(cond, &root->lock, &end);
	return 0;
}

struct h2_stream *h2_stream_new(struct h2 *h2)
{
	struct h2_stream *stream = mem_alloc(sizeof(*stream));

	stream->h2 = h2;
	stream->owned = true;
	h2_cond_init(&stream->changed);
	return stream;
}

static void free_headers(struct header *headers, size_t len)
{
	for (size_t i = 0; i < len; i++) {
		free(headers[i].name);
		free(headers[i].value);
	}
	free(headers);
}

void h2_stream_release(struct h2_stream *stream)
{
	if (stream->known || stream->owned)
		return;
	free_headers(stream->headers, stream->headers_len);
	free_headers(stream->trailers, stream->trailers_len);
	buf_free(&stream->in);
	buf_free(&stream->out);
	pthread_cond_destroy(&stream->changed);
	free(stream);
}

void h2_stream_know(struct h2_stream *stream)
{
	struct h2 *h2 = stream->h2;

	stream->known = true;
	stream->next = h2->streams;
	if (h2->streams)
		h2->streams->before = stream;
	h2->streams = stream;
}

void h2_stream_forget(struct h2_stream *stream)
{
	struct h2 *h2 = stream->h2;

	if (!stream->known)
		return;
	if (stream->before)
		stream->before->next = stream->next;
	else
		h2->streams = stream->next;
	if (stream->next)
		stream->next->before = stream->before;
	stream->known = false;
	h2_stream_release(stream);
}

static char *copy(const void *text, size_t len)
{
	return mem_strndup(text, len);
}

bool h2_stream_add_header(struct h2_stream *stream, const void *name, size_t name_len, const void *value, size_t value_len)
{
	stream->headers_bytes += name_len + value_len;
	if (stream->headers_bytes > H2_HEADERS_MAX)
		return false;
	mem_reserve(&stream->headers, &stream->headers_cap, stream->headers_len + 1, sizeof(*stream->headers));
	stream->headers[stream->headers_len++] = (struct header){ copy(name, name_len), copy(value, value_len) };
	return true;
}

void h2_stream_close(struct h2_stream *stream, uint32_t code)
{
	if (stream->closed)
		return;
	stream->closed = true;
	stream->code = code;
	pthread_cond_broadcast(&stream->changed);
}

void h2_wake(struct root *root)
{
	if (root->woken)
		return;
	root->woken = true;
	/* If the pipe is full, the thread wakes up anyway. */
	if (write(root->wake[1], "", 1) < 0)
		return;
}

void h2_fail(struct h2 *h2, const struct error *why)
{
	if (h2->error)
		return;
	error_copy(&h2->error, why);
	for (struct h2_stream *stream = h2->streams, *next; stream; stream = next) {
		struct h2 *nested = stream->nested;

		next = stream->next;
		h2_stream_close(stream, INTERNAL_ERROR);
		h2_stream_forget(stream);
		if (nested)
			h2_fail(nested, why);
	}
	pthread_cond_broadcast(&h2->root->over);
}

void h2_fail_text(struct h2 *h2, bool transient, const char *text)
{
	struct error *error = NULL;

	error_make(&error, ERROR_TOOL, "%s: %s", conn_name(h2->root->conn), text);
	error->transient = transient;
	h2_fail(h2, error);
	error_free(error);
}
