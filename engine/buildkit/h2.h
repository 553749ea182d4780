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
 * HTTP/2 (nghttp2, opened on first use), client and server side, over a connection or over a stream of another HTTP/2 connection.
 *
 * A connection has a thread of its own that reads, writes and runs nghttp2; connections inside its streams (h2_nest) run on
 * the same one. One lock, the connection's, guards all of them with their streams; every function here takes it, but for the
 * callbacks, which are called with it held and may not block. Streams are used by other threads, each by one at a time: calls block
 * until there is something to read, or room to write, and end with ERROR_CANCELLED within 50 ms when `loop` is cancelled.
 *
 * Both flow controls are ours: what nobody has read yet is at most a window (H2_WINDOW) a stream, and what waits to be written
 * at most H2_QUEUE. A stream in which another connection travels is read at once, for that one has its own windows.
 */
#define H2_WINDOW (1u << 20)       /* bytes a stream that may wait to be read */
#define H2_QUEUE ((size_t)1 << 18) /* bytes a stream that may wait to be written */
#define H2_HEADERS_MAX \
	(16u << 20)        /* bytes of the headers of one stream: an ignore file of 100,000 lines comes in them */
#define H2_STREAMS_MAX 250 /* that a peer may open at once */

struct h2;
struct h2_stream;

struct h2_field {
	const char *name, *value; /* lower case; bytes that a header may have */
};

/* A stream that the peer has opened: its headers are there. True: it belongs to whoever is called, for h2_stream_free; false: it is
 * refused. On the connection's thread, with its lock held: to be handed to another thread. */
typedef bool h2_accept(void *data, struct h2_stream *stream);

struct h2_role {
	h2_accept *accept; /* NULL: a client */
	void *data;
	uint32_t window; /* 0: H2_WINDOW; else less, for tests */
};

/* Takes the connection over, also when it fails. `loop` (may be NULL) is whose cancelling ends what blocks. ERROR_TOOL when the
 * library cannot be loaded or no thread be started. */
int h2_start(struct loop *loop, struct conn *conn, const struct h2_role *role, struct h2 **ret, struct error **err);
/* Sends what is to be sent, waiting for it at most half a second, and ends the connection: every stream is over, and every call that
 * blocks returns. No thread may begin another call. NULL-safe; its streams and those nested in it must be freed before. */
void h2_free(struct h2 *h2);

/* Ends it at once: all its streams are over, and what blocks returns. h2_free is still to be called. */
void h2_cut(struct h2 *h2);

/* How bytes of a nested connection are written into the stream that carries it, and read from it. Called with the lock held. */
struct h2_wrapping {
	void (*wrap)(const void *data, size_t len, struct buf *out);
	/* Takes whole pieces from the front of `in`, appends what they carry to `out`; how many bytes it took, or negative: these
	 * are no such bytes. */
	long (*unwrap)(const void *in, size_t len, struct buf *out);
};
/* A connection inside `carrier`, which it takes over. It ends with it, and the other way round. To be freed with h2_free
 * before the one that it is inside of. */
int h2_nest(struct h2_stream *carrier, const struct h2_wrapping *wrapping, const struct h2_role *role, struct h2 **ret,
	    struct error **err);

/* True until the connection is over. */
bool h2_alive(struct h2 *h2);
/* Waits until it is over; *err says how. Always negative. */
int h2_wait(struct h2 *h2, struct error **err);

/* Opens a stream (client). The texts are copied. */
int h2_open(struct h2 *h2, const struct h2_field *fields, size_t len, struct h2_stream **ret, struct error **err);
/* Answers with headers (server); `last`: nothing else follows. */
int h2_respond(struct h2_stream *stream, const struct h2_field *fields, size_t len, bool last, struct error **err);
/* Queues bytes; waits while there is no room. What a server that has ended the stream does not want goes nowhere: h2_read tells
 * more. */
int h2_write(struct h2_stream *stream, const void *data, size_t len, struct error **err);
/* No more bytes; with trailers (server) or without. */
int h2_finish(struct h2_stream *stream, const struct h2_field *trailers, size_t len, struct error **err);
/* Appends what has come; waits until there is something. 1: there was; 0: the peer has ended its side. ERROR_TOOL when the stream was
 * reset or the connection lost (then transient). `until` (loop_now_ms; 0: none) is when waiting ends, with a transient error. */
int h2_read(struct h2_stream *stream, uint64_t until, struct buf *ret, struct error **err);
/* Waits until the peer's headers are there (client). */
int h2_wait_headers(struct h2_stream *stream, uint64_t until, struct error **err);
/* The nth value of that name among headers and trailers that have come, or NULL. Valid until the stream is freed; call it when
 * the headers are there, or the stream has ended. */
const char *h2_header(const struct h2_stream *stream, const char *name, size_t nth);
/* The code of the RST_STREAM that ended it, or 0. */
uint32_t h2_reset_code(struct h2_stream *stream);
/* Gives the stream back; one that is not over is reset with CANCEL (server: also after h2_finish, when the client has not ended). */
void h2_stream_free(struct h2_stream *stream); /* NULL-safe */

#endif
