#include "config.h"

#include "engine/buildkit/proto/message.h"

#include <pthread.h>

#include <protobuf-c/protobuf-c.h>

#include "base/buf.h"
#include "base/error.h"
#include "base/module.h"

#define FUNCTIONS(X)                          \
	X(protobuf_c_message_get_packed_size) \
	X(protobuf_c_message_pack)            \
	X(protobuf_c_message_pack_to_buffer)  \
	X(protobuf_c_message_unpack)          \
	X(protobuf_c_message_free_unpacked)

#define MODULE runtime
static struct {
	MODULE_STATE(FUNCTIONS)
} runtime = MODULE_INIT;

static void load_runtime(void)
{
	static const struct module_symbol symbols[] = { MODULE_SYMBOLS(FUNCTIONS) };

	module_open(CBUILD_LIBPROTOBUF_C, symbols, &runtime.error);
}

int message_load(struct error **err)
{
	pthread_once(&runtime.once, load_runtime);
	return runtime.error ? error_copy(err, runtime.error) : 0;
}

/* What the generated files call by the library's own names. */
const char protobuf_c_empty_string[] = "";

size_t protobuf_c_message_get_packed_size(const ProtobufCMessage *message)
{
	return runtime.protobuf_c_message_get_packed_size(message);
}

size_t protobuf_c_message_pack(const ProtobufCMessage *message, uint8_t *out)
{
	return runtime.protobuf_c_message_pack(message, out);
}

size_t protobuf_c_message_pack_to_buffer(const ProtobufCMessage *message, ProtobufCBuffer *buffer)
{
	return runtime.protobuf_c_message_pack_to_buffer(message, buffer);
}

ProtobufCMessage *protobuf_c_message_unpack(const ProtobufCMessageDescriptor *type, ProtobufCAllocator *allocator,
					    size_t len, const uint8_t *data)
{
	return runtime.protobuf_c_message_unpack(type, allocator, len, data);
}

void protobuf_c_message_free_unpacked(ProtobufCMessage *message, ProtobufCAllocator *allocator)
{
	runtime.protobuf_c_message_free_unpacked(message, allocator);
}

void message_pack(const struct ProtobufCMessage *message, struct buf *out)
{
	size_t len = protobuf_c_message_get_packed_size(message);

	protobuf_c_message_pack(message, (uint8_t *)buf_room(out, len));
	buf_filled(out, len);
}

void *message_unpack(const struct ProtobufCMessageDescriptor *type, const void *data, size_t len)
{
	return protobuf_c_message_unpack(type, NULL, len, data);
}

void message_free(void *message)
{
	if (message)
		protobuf_c_message_free_unpacked(message, NULL);
}

void message_cleanup(void *pointer_to_pointer)
{
	message_free(*(void **)pointer_to_pointer);
}
