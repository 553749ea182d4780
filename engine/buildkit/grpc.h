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
 * gRPC over HTTP/2 (grpc/grpc, doc/PROTOCOL-HTTP2.md), without compression. A call is used by one thread at a time;
 * blocking calls end with the connection and when the loop is cancelled, as described in h2.h.
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

/* Begins a client's call of "/package.Service/Method" (borrowed until it is freed); `metadata` is sent with it.
 * grpc_free frees it, and cancels it if it has not ended. */
int grpc_open(struct h2 *h2, const char *path, const struct h2_field *metadata, size_t len, struct grpc_call **ret,
	      struct error **err);
void grpc_free(struct grpc_call *call); /* NULL-safe */
void grpc_cleanup(struct grpc_call **call);
#define cleanup_grpc __attribute__((cleanup(grpc_cleanup)))

/* Sends a message; blocks while there is no room. */
int grpc_send(struct grpc_call *call, const struct ProtobufCMessage *message, struct error **err);
/* Says that this client sends no more messages. */
int grpc_end(struct grpc_call *call, struct error **err);
/* From now on, waiting for the peer fails with a transient error after that time; 0: no limit. Any thread. */
void grpc_limit(struct grpc_call *call, uint64_t limit_ms);
/* As h2_need. */
void grpc_need(struct grpc_call *call, struct h2 *nested);
/* Reads the next message: 1, and *ret, to be freed with message_free; 0: the end, with status 0. Negative: another
 * status (grpc_status; ERROR_TOOL, transient if trying again may help) or an invalid message. */
int grpc_receive(struct grpc_call *call, const struct ProtobufCMessageDescriptor *type, void **ret, struct error **err);
/* A call with one message in each direction. `limit_ms`: its time limit; 0: none. */
int grpc_ask(struct h2 *h2, const char *path, const struct h2_field *metadata, size_t len,
	     const struct ProtobufCMessage *message, uint64_t limit_ms, const struct ProtobufCMessageDescriptor *type,
	     void **ret, struct error **err);

/* How a call ended, as far as it is known. */
struct grpc_status {
	int code;            /* -1: it has not ended */
	const char *message; /* "" when there is none */
	const char *details; /* the bytes of google.rpc.Status, or NULL */
	size_t details_len;
};
/* Borrowed from the call. */
struct grpc_status grpc_status(const struct grpc_call *call);
/* The nth value of one of the peer's headers, or NULL. Borrowed. */
const char *grpc_metadata(const struct grpc_call *call, const char *name, size_t nth);

/* Takes the stream out of a call, to use it for a nested connection: it belongs to the caller. A client's call is
 * freed; a server's answers with headers only. NULL: the connection is over. */
struct h2_stream *grpc_detach(struct grpc_call *call, struct error **err);

/*
 * A method of a server. Each call runs `serve` in a thread of its own, which reads and writes messages. Its result
 * ends the call: 0 with OK; negative with the status given to grpc_refuse, or UNKNOWN and the text of *err.
 */
struct grpc_method {
	const char *path; /* "/package.Service/Method" */
	int (*serve)(void *data, struct grpc_call *call, struct error **err);
	void *data; /* shared by all calls, so mutable data needs a lock of its own */
};

struct grpc_server;
/* The methods are copied, their texts borrowed. */
int grpc_server_new(const struct grpc_method *methods, size_t len, struct grpc_server **ret, struct error **err);
/* Its role for h2_start or h2_nest. */
struct h2_role grpc_server_role(struct grpc_server *server);
/* The first ERROR_STATE of a method, or that kept a call from being served: -1; 0: none. The peer gets it as well,
 * but only as a text. */
int grpc_server_fault(struct grpc_server *server, struct error **err);
/* Waits for the threads of all calls, so call h2_cut first, and h2_free afterwards. NULL-safe. */
void grpc_server_free(struct grpc_server *server);
/* Sets the status that a server's call ends with; returns -1. */
__attribute__((format(printf, 3, 4))) int grpc_refuse(struct grpc_call *call, enum grpc_code code, const char *fmt, ...);
/* Adds details (bytes of google.rpc.Status) to it. */
void grpc_refuse_details(struct grpc_call *call, const void *details, size_t len);

/* Carries bytes in the data field of messages {bytes data = 1}. */
extern const struct h2_wrapping grpc_wrapping;

#endif
