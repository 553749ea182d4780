#ifndef ENGINE_BUILDKIT_H2_H
#define ENGINE_BUILDKIT_H2_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct buf;
struct conn;
struct error;
struct loop;

/*
 * HTTP/2 (nghttp2, opened on first use), client and server, over a connection or over a stream of another HTTP/2
 * connection.
 *
 * A connection has a thread of its own that reads, writes and runs nghttp2; connections inside its streams (h2_nest)
 * run on the same thread. The connection's lock guards all of them and their streams. Every function here takes it,
 * except for callbacks, which are called with it held and must not block. A stream is used by one other thread at a
 * time: calls block until there is something to read, or room to write, and return ERROR_CANCELLED within 50 ms when
 * `loop` is cancelled.
 *
 * We control the flow in both directions: at most H2_WINDOW bytes of a stream wait to be read, and at most H2_QUEUE to
 * be written. A stream that carries another connection is always read at once, because that one has windows of its
 * own.
 */
#define H2_WINDOW (1u << 20)       /* bytes of a stream that may wait to be read */
#define H2_QUEUE ((size_t)1 << 18) /* bytes of a stream that may wait to be written */
#define H2_HEADERS_MAX \
	(16u << 20)        /* bytes of the headers of one stream: an ignore file of 100,000 lines comes in them */
#define H2_STREAMS_MAX 250 /* that a peer may open at once */

struct h2;
struct h2_stream;

struct h2_field {
	const char *name, *value; /* lower case; bytes that a header may have */
};

/* The peer has opened a stream and its headers have arrived. True: it belongs to the callee (h2_stream_free);
 * false: it is refused. Called on the connection's thread, with its lock held: pass it to another thread. */
typedef bool h2_accept(void *data, struct h2_stream *stream);

struct h2_role {
	h2_accept *accept; /* NULL: a client */
	void *data;
	uint32_t window; /* 0: H2_WINDOW; smaller ones are for tests */
};

/* Takes over the connection, even when it fails. Blocking calls end when `loop` (may be NULL) is cancelled.
 * ERROR_TOOL when the library cannot be loaded or the thread not started. */
int h2_start(struct loop *loop, struct conn *conn, const struct h2_role *role, struct h2 **ret, struct error **err);
/* Sends what is queued, for at most half a second, and ends the connection: all streams end and all blocking calls
 * return. No thread may begin another call. NULL-safe; its streams, and connections nested in it, must be freed
 * before. */
void h2_free(struct h2 *h2);

/* Ends the connection at once: all streams end and all blocking calls return. h2_free is still needed. */
void h2_cut(struct h2 *h2);

/* How the bytes of a nested connection are encoded in the stream that carries it. Called with the lock held. */
struct h2_wrapping {
	void (*wrap)(const void *data, size_t len, struct buf *out);
	/* Decodes complete pieces at the front of `in` and appends their content to `out`; returns how many bytes
	 * it consumed, negative when they are invalid. */
	long (*unwrap)(const void *in, size_t len, struct buf *out);
};
/* A connection inside the stream `carrier`, which it takes over. Each ends with the other. h2_free it before the
 * outer one. */
int h2_nest(struct h2_stream *carrier, const struct h2_wrapping *wrapping, const struct h2_role *role, struct h2 **ret,
	    struct error **err);

/* True until the connection is over. */
bool h2_alive(struct h2 *h2);
/* Waits until it is over; the reason is in *err. Always negative. */
int h2_wait(struct h2 *h2, struct error **err);

/* Opens a stream (client). The texts are copied. */
int h2_open(struct h2 *h2, const struct h2_field *fields, size_t len, struct h2_stream **ret, struct error **err);
/* Answers with headers (server); `last`: nothing follows. */
int h2_respond(struct h2_stream *stream, const struct h2_field *fields, size_t len, bool last, struct error **err);
/* Queues bytes, blocking while there is no room. Once the server has ended the stream, they are dropped: h2_read
 * has its answer. */
int h2_write(struct h2_stream *stream, const void *data, size_t len, struct error **err);
/* Ends our side, with trailers (server) or without. */
int h2_finish(struct h2_stream *stream, const struct h2_field *trailers, size_t len, struct error **err);
/* Appends received bytes, blocking until there are some. 1: there were; 0: the peer has ended its side. ERROR_TOOL
 * when the stream was reset or the connection lost (then transient). */
int h2_read(struct h2_stream *stream, struct buf *ret, struct error **err);
/* Blocks until the peer's headers have arrived (client). */
int h2_wait_headers(struct h2_stream *stream, struct error **err);
/* When to give up waiting for the peer, with a transient error (loop_now_ms; 0: never). Any thread. */
void h2_limit(struct h2_stream *stream, uint64_t until);
/* The peer cannot answer on this stream without that nested connection: H2_NEEDS_MS after the connection has ended,
 * waiting fails with its error. It must outlive the stream. */
#define H2_NEEDS_MS 3000
void h2_need(struct h2_stream *stream, struct h2 *nested);
/* The nth value of that name among received headers and trailers, or NULL. Valid until the stream is freed; call it
 * once the headers are there, or the stream has ended. */
const char *h2_header(const struct h2_stream *stream, const char *name, size_t nth);
/* Frees the stream; one that is not over is reset with CANCEL (server: also after h2_finish, if the client has not
 * ended its side). */
void h2_stream_free(struct h2_stream *stream); /* NULL-safe */

#endif
