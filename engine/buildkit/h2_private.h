#ifndef ENGINE_BUILDKIT_H2_PRIVATE_H
#define ENGINE_BUILDKIT_H2_PRIVATE_H

#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "engine/buildkit/h2.h"

/* Shared by h2_stream.c (a stream and its memory), h2_wire.c (nghttp2), h2_calls.c (what other threads do with a
 * stream) and h2.c (connections and their thread); each may use those before it. */

struct loop;
struct nghttp2_session;
struct root;

struct header {
	char *name, *value;
};

struct h2_stream {
	struct h2 *h2;
	int32_t id;
	struct h2_stream *next, *before; /* while nghttp2 knows it */
	pthread_cond_t changed;
	bool known; /* to nghttp2 */
	bool owned; /* somebody uses it */
	struct header *headers;
	size_t headers_len, headers_cap, headers_bytes;
	bool headers_done;
	struct buf in, out;
	size_t in_at, out_at; /* where the remaining bytes begin */
	bool in_ended;        /* by the peer */
	bool out_ended;       /* by us: nothing is queued any more */
	bool deferred;        /* nghttp2 asked for bytes and got none */
	bool closed;
	uint32_t code;           /* of its end */
	struct header *trailers; /* to send after the bytes */
	size_t trailers_len;
	uint64_t until;       /* when waiting ends; 0: never */
	struct h2 *needs;     /* without which nothing comes, or NULL */
	uint64_t needs_until; /* when waiting ends, since that is over */
	struct h2 *nested;
};

/* A connection. All fields are guarded by root->lock. */
struct h2 {
	struct root *root;
	struct nghttp2_session *session;
	struct h2_role role;
	struct h2_stream *streams;
	struct error *error; /* set: the connection is over */
	bool leaving;        /* the peer accepts no new streams */
	/* if it is nested: */
	struct h2_stream *carrier;
	struct h2_wrapping wrapping;
	struct buf sent; /* nghttp2's bytes, to be encoded */
	struct h2 *next;
};

/* Shared by the connections of one thread. */
struct root {
	struct loop *loop;
	struct conn *conn;
	pthread_mutex_t lock;
	pthread_cond_t over; /* signalled when a connection ends */
	pthread_t thread;
	int wake[2];
	bool woken, stopping;
	struct h2 *outer, *nested;
	struct buf out; /* used only by the thread */
	size_t out_at;
};

/* h2_stream.c; with the lock held. */
void h2_wake(struct root *root); /* the thread looks at what is to be sent */
/* The connection is over: its streams and what is nested in them, too. */
void h2_fail(struct h2 *h2, const struct error *why);
void h2_fail_text(struct h2 *h2, bool transient, const char *text);
struct h2_stream *h2_stream_new(struct h2 *h2);
void h2_stream_know(struct h2_stream *stream);    /* adds it to the connection's list */
void h2_stream_forget(struct h2_stream *stream);  /* nghttp2 has forgotten it */
void h2_stream_release(struct h2_stream *stream); /* frees it unless nghttp2 or somebody else still has it */
bool h2_stream_add_header(struct h2_stream *stream, const void *name, size_t name_len, const void *value,
			  size_t value_len);
void h2_stream_close(struct h2_stream *stream, uint32_t code);
void h2_cond_init(pthread_cond_t *cond);
/* Waits a moment: ERROR_CANCELLED, or a transient error when `until` has passed. */
int h2_pause(struct root *root, pthread_cond_t *cond, uint64_t until, struct error **err);

/* h2_wire.c: nghttp2; with the lock held, but for h2_load. */
/* Opens the library. ERROR_TOOL. */
int h2_load(struct error **err);
void h2_begin(struct h2 *h2);
void h2_drop(struct h2 *h2); /* frees what nghttp2 has of it */
/* Hands received bytes to nghttp2. Negative: they are invalid, and the connection is over. */
int h2_receive(struct h2 *h2, const char *bytes, size_t len);
/* The same with what has come in the stream that carries it. */
int h2_feed_nested(struct h2 *nested);
/* Moves what is to be sent to a queue, up to about `max` bytes there. True when it moved some. */
bool h2_drain(struct h2 *h2, struct buf *out, size_t max);
/* Nothing more is to be sent or received. */
bool h2_finished(const struct h2 *h2);
void h2_terminate(struct h2 *h2);
/* Has nghttp2 check again what to send, and wakes the thread. */
void h2_stir(struct h2_stream *stream);
/* Negative: nghttp2 refused. A stream that nghttp2 knows is in the connection's list. */
int h2_submit_request(struct h2_stream *stream, const struct h2_field *fields, size_t len, struct error **err);
int h2_submit_response(struct h2_stream *stream, const struct h2_field *fields, size_t len, bool last,
		       struct error **err);
void h2_submit_reset(struct h2_stream *stream);
/* Bytes were read, so the peer may send as many again. */
void h2_consumed(struct h2_stream *stream, size_t len);

#endif
