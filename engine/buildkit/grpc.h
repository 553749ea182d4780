#ifndef ENGINE_BUILDKIT_GRPC_H
#define ENGINE_BUILDKIT_GRPC_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "engine/buildkit/h2.h"

struct ProtobufCMessage;
struct ProtobufCMessageDescriptor;
struct error;

/*
 * gRPC over HTTP/2 (grpc/grpc, doc/PROTOCOL-HTTP2.md), without compression. A call is used by one thread at a time; what it blocks on
 * ends with the connection and with the loop's cancelling, as h2.h says.
 */
#define GRPC_MESSAGE_MAX ((size_t)16 << 20) /* bytes */

enum grpc_code {
	GRPC_OK = 0,
	GRPC_CANCELLED = 1,
	GRPC_UNKNOWN = 2,
	GRPC_INVALID = 3,
	GRPC_DEADLINE = 4,
	GRPC_NOT_FOUND = 5,
	GRPC_EXISTS = 6,
	GRPC_DENIED = 7,
	GRPC_EXHAUSTED = 8,
	GRPC_PRECONDITION = 9,
	GRPC_OUT_OF_RANGE = 11,
	GRPC_UNIMPLEMENTED = 12,
	GRPC_INTERNAL = 13,
	GRPC_UNAVAILABLE = 14
};

struct grpc_call;

/* A client's call of "/package.Service/Method" (borrowed until it is freed); `metadata` is sent with it. To be freed with grpc_free, which cancels it when it
 * has not ended. */
int grpc_open(struct h2 *h2, const char *path, const struct h2_field *metadata, size_t len, struct grpc_call **ret,
	      struct error **err);
void grpc_free(struct grpc_call *call); /* NULL-safe */
void grpc_cleanup(struct grpc_call **call);
#define cleanup_grpc __attribute__((cleanup(grpc_cleanup)))

/* Sends a message; waits for room. */
int grpc_send(struct grpc_call *call, const struct ProtobufCMessage *message, struct error **err);
/* No more messages from this client. */
int grpc_end(struct grpc_call *call, struct error **err);
/* From now on reading ends after that time with a transient error; 0: it takes as long as it takes. */
void grpc_limit(struct grpc_call *call, uint64_t limit_ms);
/* The next message: 1, and *ret is it, for message_free; 0: the end, with status 0. Negative: ended with another status (grpc_status
 * says which; ERROR_TOOL, transient when trying again may help), or what is no message. */
int grpc_receive(struct grpc_call *call, const struct ProtobufCMessageDescriptor *type, void **ret, struct error **err);
/* One message there, one back. `limit_ms`: how long it may take; 0: as long as it takes. */
int grpc_ask(struct h2 *h2, const char *path, const struct h2_field *metadata, size_t len,
	     const struct ProtobufCMessage *message, uint64_t limit_ms, const struct ProtobufCMessageDescriptor *type,
	     void **ret, struct error **err);

/* How a call ended, as far as it is known. */
struct grpc_status {
	int code;            /* -1: not at all yet */
	const char *message; /* "" when there is none */
	const char *details; /* the bytes of google.rpc.Status, or NULL */
	size_t details_len;
};
/* Borrowed from the call. */
struct grpc_status grpc_status(const struct grpc_call *call);
/* The nth value of a header of the peer's, or NULL. Borrowed. */
const char *grpc_metadata(const struct grpc_call *call, const char *name, size_t nth);

/* The stream of a call that is used no further as one, for a connection inside it: it is the caller's now. A client's call is freed; a
 * server's answers with headers, and ends with nothing more. NULL: the connection is over. */
struct h2_stream *grpc_detach(struct grpc_call *call, struct error **err);

/*
 * The server's side. Each call gets a thread of its own, in which `serve` reads and writes messages. What it returns ends
 * the call: 0 with OK; negative with what grpc_refuse was given, or UNKNOWN and the text of *err.
 */
struct grpc_method {
	const char *path; /* "/package.Service/Method" */
	int (*serve)(void *data, struct grpc_call *call, struct error **err);
	void *data; /* shared by all calls: what it points to has a lock of its own where it changes */
};

struct grpc_server;
/* The methods are copied; their texts are borrowed. */
int grpc_server_new(const struct grpc_method *methods, size_t len, struct grpc_server **ret, struct error **err);
/* Its role in h2_start or h2_nest. */
struct h2_role grpc_server_role(struct grpc_server *server);
/* The first ERROR_STATE that a method ended with, or that kept a call from being served: -1; 0: there is none. The peer hears of it, too, but
 * only as a text. */
int grpc_server_fault(struct grpc_server *server, struct error **err);
/* Waits for the threads of all calls: h2_cut the connection first. NULL-safe. Then h2_free it. */
void grpc_server_free(struct grpc_server *server);
/* Sets the status that a call of this server ends with; returns -1. */
__attribute__((format(printf, 3, 4))) int grpc_refuse(struct grpc_call *call, enum grpc_code code, const char *fmt, ...);
/* Details (bytes of google.rpc.Status) to go with it. */
void grpc_refuse_details(struct grpc_call *call, const void *details, size_t len);

/* How bytes travel in the data field of messages {bytes data = 1}. */
extern const struct h2_wrapping grpc_wrapping;

#endif
