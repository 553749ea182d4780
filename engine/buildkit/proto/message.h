#ifndef ENGINE_BUILDKIT_PROTO_MESSAGE_H
#define ENGINE_BUILDKIT_PROTO_MESSAGE_H

#include <stddef.h>

struct ProtobufCMessage;
struct ProtobufCMessageDescriptor;
struct buf;
struct error;

/* Protobuf messages: the runtime of protobuf-c, opened on first use. What is generated from proto/ (protoc-c, when cbuild is built)
 * calls it through message.c. Thread-safe. */

/* ERROR_TOOL when the library cannot be loaded. Everything below, and a generated function, needs that it was called once. */
int message_load(struct error **err);
/* Appends the bytes of a message. */
void message_pack(const struct ProtobufCMessage *message, struct buf *out);
/* The message, to be freed with message_free; NULL: these are not the bytes of one. */
void *message_unpack(const struct ProtobufCMessageDescriptor *type, const void *data, size_t len);
void message_free(void *message); /* NULL-safe */

void message_cleanup(void *pointer_to_pointer);
#define cleanup_message __attribute__((cleanup(message_cleanup)))

#endif
