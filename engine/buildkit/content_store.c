#include "config.h"

#include "engine/buildkit/content_store.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/error.h"
#include "base/fs.h"
#include "base/mem.h"
#include "engine/buildkit/proto/content.pb-c.h"
#include "engine/buildkit/proto/message.h"
#include "engine/oci/blob.h"
#include "engine/oci/layout.h"

#define SERVICE "/containerd.services.content.v1.Content/"
#define PIECE ((size_t)1 << 20) /* bytes per answer to Read */

struct content {
	struct content_store *stores;
	size_t len;
};

struct content *content_new(const struct content_store *stores, size_t len)
{
	struct content *content = mem_alloc(sizeof(*content));

	content->stores = mem_array(len + 1, sizeof(*stores));
	if (len > 0)
		memcpy(content->stores, stores, len * sizeof(*stores));
	content->len = len;
	return content;
}

void content_free(struct content *content)
{
	if (!content)
		return;
	free(content->stores);
	free(content);
}

/* NULL: the call was refused. */
static const struct content_store *find_store(const struct content *content, struct grpc_call *call)
{
	const char *id = grpc_metadata(call, "buildkit-attachable-store-id", 0);

	for (size_t i = 0; id && i < content->len; i++)
		if (strcmp(content->stores[i].id, id) == 0)
			return &content->stores[i];
	grpc_refuse(call, GRPC_NOT_FOUND, "there is no store %s here", id ? id : "");
	return NULL;
}

/* A blob being read. */
struct outgoing {
	char *path;
	int fd;
	uint64_t size;
};

static void outgoing_free(struct outgoing *outgoing)
{
	fd_cleanup(&outgoing->fd);
	free(outgoing->path);
}

#define cleanup_outgoing __attribute__((cleanup(outgoing_free)))

static int open_blob(const struct content_store *store, struct grpc_call *call, const char *digest,
		     struct outgoing *ret, struct error **err)
{
	struct stat st;

	if (digest_valid(digest)) {
		ret->path = layout_blob_path(store->layout, digest);
		ret->fd = open(ret->path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
	}
	if (!ret->path || (ret->fd < 0 && errno == ENOENT))
		return grpc_refuse(call, GRPC_NOT_FOUND, "%s is not here", digest);
	if (ret->fd < 0 || fstat(ret->fd, &st) < 0)
		return error_errno(err, ERROR_STATE, errno, "%s: cannot open", ret->path);
	ret->size = (uint64_t)st.st_size;
	return 0;
}

static int serve_info(void *data, struct grpc_call *call, struct error **err)
{
	const struct content_store *store = find_store(data, call);
	Bk__BlobAnswer answer = BK__BLOB_ANSWER__INIT;
	Bk__BlobInfo info = BK__BLOB_INFO__INIT;
	cleanup_message Bk__BlobRequest *request = NULL;
	cleanup_outgoing struct outgoing blob = { .fd = -1 };

	if (!store || grpc_receive(call, &bk__blob_request__descriptor, (void **)&request, err) <= 0 ||
	    open_blob(store, call, request->digest, &blob, err) < 0)
		return -1;
	info.digest = request->digest;
	info.size = (int64_t)blob.size;
	answer.info = &info;
	return grpc_send(call, &answer.base, err);
}

static int send_range(struct grpc_call *call, const struct outgoing *blob, uint64_t at, uint64_t end, struct error **err)
{
	cleanup_free char *block = mem_alloc(PIECE);

	while (at < end) {
		Bk__ReadAnswer answer = BK__READ_ANSWER__INIT;
		size_t len = end - at < PIECE ? end - at : PIECE;

		if (fs_read_at(blob->fd, block, len, at, blob->path, err) < 0)
			return -1;
		answer.offset = (int64_t)at;
		answer.data.data = (uint8_t *)block;
		answer.data.len = len;
		if (grpc_send(call, &answer.base, err) < 0)
			return -1;
		at += len;
	}
	return 0;
}

static int serve_read(void *data, struct grpc_call *call, struct error **err)
{
	struct content *content = data;
	const struct content_store *store = find_store(content, call);
	cleanup_message Bk__ReadRequest *request = NULL;
	cleanup_outgoing struct outgoing blob = { .fd = -1 };
	uint64_t at, end;

	if (!store || grpc_receive(call, &bk__read_request__descriptor, (void **)&request, err) <= 0 ||
	    open_blob(store, call, request->digest, &blob, err) < 0)
		return -1;
	at = request->offset > 0 ? (uint64_t)request->offset : 0;
	if (at > blob.size)
		return grpc_refuse(call, GRPC_OUT_OF_RANGE, "%s has only %llu bytes", request->digest,
				   (unsigned long long)blob.size);
	end = request->size > 0 && (uint64_t)request->size < blob.size - at ? at + (uint64_t)request->size : blob.size;
	return send_range(call, &blob, at, end, err);
}

/* A blob being written into a store. */
struct incoming {
	const struct content_store *store;
	struct blob_writer *writer;
	uint64_t offset, total;
	char expected[DIGEST_LEN + 1], digest[DIGEST_LEN + 1];
};

static int take_terms(struct incoming *incoming, struct grpc_call *call, const Bk__WriteRequest *request)
{
	if (request->total > 0)
		incoming->total = (uint64_t)request->total;
	if (!*request->expected)
		return 0;
	if (!digest_valid(request->expected))
		return grpc_refuse(call, GRPC_INVALID, "%s is not a digest", request->expected);
	memcpy(incoming->expected, request->expected, DIGEST_LEN + 1);
	if (!incoming->writer && layout_has(incoming->store->layout, incoming->expected, UINT64_MAX))
		return grpc_refuse(call, GRPC_EXISTS, "%s is already here", incoming->expected);
	return 0;
}

static int take_bytes(struct incoming *incoming, struct grpc_call *call, const Bk__WriteRequest *request,
		      struct error **err)
{
	if (request->data.len == 0)
		return 0;
	if (request->offset < 0 || (uint64_t)request->offset != incoming->offset)
		return grpc_refuse(call, GRPC_OUT_OF_RANGE, "%llu bytes are here, and not %lld",
				   (unsigned long long)incoming->offset, (long long)request->offset);
	if (blob_writer_add(incoming->writer, request->data.data, request->data.len, err) < 0)
		return -1;
	incoming->offset += request->data.len;
	return 0;
}

static int commit(struct incoming *incoming, struct grpc_call *call, struct error **err)
{
	if (incoming->total > 0 && incoming->total != incoming->offset)
		return grpc_refuse(call, GRPC_PRECONDITION, "%llu bytes came instead of %llu",
				   (unsigned long long)incoming->offset, (unsigned long long)incoming->total);
	if (!incoming->expected[0])
		return grpc_refuse(call, GRPC_INVALID, "a blob has no digest");
	return blob_writer_publish(incoming->writer, incoming->expected, "the daemon", incoming->digest, err);
}

static int take_request(struct incoming *incoming, struct grpc_call *call, const Bk__WriteRequest *request,
			struct error **err)
{
	bool last = request->action == BK__WRITE_ACTION__WRITE_COMMIT;
	Bk__WriteAnswer answer = BK__WRITE_ANSWER__INIT;

	if (take_terms(incoming, call, request) < 0)
		return -1;
	if (!incoming->writer && blob_writer_new(incoming->store->layout, &incoming->writer, err) < 0)
		return -1;
	if (take_bytes(incoming, call, request, err) < 0 || (last && commit(incoming, call, err) < 0))
		return -1;
	answer.action = request->action;
	answer.offset = (int64_t)incoming->offset;
	answer.total = (int64_t)incoming->total;
	answer.digest = incoming->digest;
	return grpc_send(call, &answer.base, err) < 0 ? -1 : last;
}

static int serve_write(void *data, struct grpc_call *call, struct error **err)
{
	const struct content_store *store = find_store(data, call);
	struct incoming incoming = { .store = store };
	void *message;
	int r;

	if (!store || !store->takes)
		return store ? grpc_refuse(call, GRPC_DENIED, "%s cannot be written", store->id) : -1;
	while ((r = grpc_receive(call, &bk__write_request__descriptor, &message, err)) > 0) {
		r = take_request(&incoming, call, message, err);
		message_free(message);
		if (r != 0)
			break;
	}
	blob_writer_free(incoming.writer);
	return r < 0 ? -1 : 0;
}

void content_methods(struct content *content, struct grpc_method ret[CONTENT_METHODS])
{
	ret[0] = (struct grpc_method){ SERVICE "Info", serve_info, content };
	ret[1] = (struct grpc_method){ SERVICE "Read", serve_read, content };
	ret[2] = (struct grpc_method){ SERVICE "Write", serve_write, content };
}
