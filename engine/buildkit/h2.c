#include "config.h"

#include "engine/buildkit/h2.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <nghttp2/nghttp2.h>

#include "base/error.h"
#include "base/fs.h"
#include "base/mem.h"
#include "base/module.h"
#include "engine/buildkit/conn.h"
#include "engine/buildkit/h2_private.h"
#include "engine/io/loop.h"

#define READ_BLOCK ((size_t)64 << 10) /* bytes of one read */
#define OUT_BLOCK ((size_t)256 << 10) /* bytes written at once */
#define CONNECTION_WINDOW (1 << 30)   /* bytes: large, because the streams' own windows are the limit */
#define FRAME_MAX (1u << 20)          /* bytes of a frame of the peer's */
#define CONTINUATIONS_MAX 4096        /* frames that the headers of one stream may take */
#define FAREWELL_MS 500               /* to send what is left at the end */

#define FUNCTIONS(X)                                                 \
	X(nghttp2_session_callbacks_new)                             \
	X(nghttp2_session_callbacks_del)                             \
	X(nghttp2_session_callbacks_set_on_begin_headers_callback)   \
	X(nghttp2_session_callbacks_set_on_header_callback)          \
	X(nghttp2_session_callbacks_set_on_frame_recv_callback)      \
	X(nghttp2_session_callbacks_set_on_frame_send_callback)      \
	X(nghttp2_session_callbacks_set_on_frame_not_send_callback)  \
	X(nghttp2_session_callbacks_set_on_data_chunk_recv_callback) \
	X(nghttp2_session_callbacks_set_on_stream_close_callback)    \
	X(nghttp2_option_new)                                        \
	X(nghttp2_option_del)                                        \
	X(nghttp2_option_set_no_auto_window_update)                  \
	X(nghttp2_option_set_max_send_header_block_length)           \
	X(nghttp2_session_client_new2)                               \
	X(nghttp2_session_server_new2)                               \
	X(nghttp2_session_del)                                       \
	X(nghttp2_session_mem_recv)                                  \
	X(nghttp2_session_mem_send)                                  \
	X(nghttp2_session_want_read)                                 \
	X(nghttp2_session_want_write)                                \
	X(nghttp2_session_resume_data)                               \
	X(nghttp2_session_consume_connection)                        \
	X(nghttp2_session_consume_stream)                            \
	X(nghttp2_session_set_local_window_size)                     \
	X(nghttp2_session_set_stream_user_data)                      \
	X(nghttp2_session_get_stream_user_data)                      \
	X(nghttp2_session_terminate_session)                         \
	X(nghttp2_submit_settings)                                   \
	X(nghttp2_submit_request)                                    \
	X(nghttp2_submit_response)                                   \
	X(nghttp2_submit_trailer)                                    \
	X(nghttp2_submit_rst_stream)                                 \
	X(nghttp2_strerror)

#define MODULE lib
static struct {
	MODULE_STATE(FUNCTIONS)
	/* Versions before 1.61 without the fix for CVE-2024-28182 have neither the limit nor the function. */
	void (*set_max_continuations)(nghttp2_option *option, size_t max);
	/* The same with 1.57 and CVE-2023-44487. */
	void (*set_stream_reset_rate_limit)(nghttp2_option *option, uint64_t burst, uint64_t rate);
} lib = MODULE_INIT;

static void load_nghttp2(void)
{
	static const struct module_symbol symbols[] = {
		{ "nghttp2_option_set_max_continuations", (void **)&lib.set_max_continuations, true },
		{ "nghttp2_option_set_stream_reset_rate_limit", (void **)&lib.set_stream_reset_rate_limit, true },
		MODULE_SYMBOLS(FUNCTIONS),
	};

	module_open(CBUILD_LIBNGHTTP2, symbols, &lib.error);
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

/* The connection is over. */
static void fail(struct h2 *h2, const struct error *why)
{
	if (h2->error)
		return;
	error_copy(&h2->error, why);
	while (h2->streams) {
		struct h2_stream *stream = h2->streams;
		struct h2 *nested = stream->nested;

		h2_stream_close(stream, NGHTTP2_INTERNAL_ERROR);
		h2_stream_forget(stream);
		if (nested)
			fail(nested, why);
	}
	pthread_cond_broadcast(&h2->root->over);
}

static void fail_text(struct h2 *h2, bool transient, const char *text)
{
	struct error *error = NULL;

	error_make(&error, ERROR_TOOL, "%s: %s", conn_name(h2->root->conn), text);
	error->transient = transient;
	fail(h2, error);
	error_free(error);
}

static int stream_of(nghttp2_session *session, int32_t id, struct h2_stream **ret)
{
	*ret = lib.nghttp2_session_get_stream_user_data(session, id);
	return *ret ? 0 : -1;
}

static int on_begin_headers(nghttp2_session *session, const nghttp2_frame *frame, void *data)
{
	struct h2 *h2 = data;
	struct h2_stream *stream;

	if (frame->hd.type != NGHTTP2_HEADERS || frame->headers.cat != NGHTTP2_HCAT_REQUEST)
		return 0;
	stream = h2_stream_new(h2);
	stream->owned = false; /* until somebody takes it */
	stream->id = frame->hd.stream_id;
	h2_stream_know(stream);
	lib.nghttp2_session_set_stream_user_data(session, stream->id, stream);
	return 0;
}

static int on_header(nghttp2_session *session, const nghttp2_frame *frame, const uint8_t *name, size_t name_len,
		     const uint8_t *value, size_t value_len, uint8_t flags, void *data)
{
	struct h2_stream *stream;

	(void)flags;
	(void)data;
	if (stream_of(session, frame->hd.stream_id, &stream) < 0 ||
	    h2_stream_add_header(stream, name, name_len, value, value_len))
		return 0;
	return NGHTTP2_ERR_TEMPORAL_CALLBACK_FAILURE; /* resets the stream */
}

static void end_of_input(struct h2_stream *stream)
{
	stream->in_ended = true;
	pthread_cond_broadcast(&stream->changed);
	if (stream->nested)
		fail_text(stream->nested, true, "the daemon has ended the session");
}

static int on_frame_recv(nghttp2_session *session, const nghttp2_frame *frame, void *data)
{
	struct h2 *h2 = data;
	struct h2_stream *stream;

	if (frame->hd.type == NGHTTP2_GOAWAY)
		h2->leaving = true;
	if ((frame->hd.type != NGHTTP2_HEADERS && frame->hd.type != NGHTTP2_DATA) ||
	    stream_of(session, frame->hd.stream_id, &stream) < 0)
		return 0;
	if (frame->hd.type == NGHTTP2_HEADERS && !stream->headers_done) {
		stream->headers_done = true;
		pthread_cond_broadcast(&stream->changed);
		if (h2->role.accept) {
			stream->owned = true;
			stream->owned = h2->role.accept(h2->role.data, stream);
			if (!stream->owned)
				lib.nghttp2_submit_rst_stream(session, NGHTTP2_FLAG_NONE, stream->id,
							      NGHTTP2_REFUSED_STREAM);
		}
	}
	if (frame->hd.flags & NGHTTP2_FLAG_END_STREAM)
		end_of_input(stream);
	return 0;
}

int h2_feed_nested(struct h2 *nested)
{
	struct h2_stream *carrier = nested->carrier;
	cleanup_buf struct buf bytes = { 0 };
	long took = nested->wrapping.unwrap(carrier->in.data + carrier->in_at, carrier->in.len - carrier->in_at, &bytes);
	ssize_t r;

	if (took < 0) {
		fail_text(nested, false, "the session is garbled");
		return -1;
	}
	carrier->in_at += (size_t)took;
	if (carrier->in_at == carrier->in.len) {
		buf_reset(&carrier->in);
		carrier->in_at = 0;
	}
	if (bytes.len == 0 || nested->error)
		return 0;
	r = lib.nghttp2_session_mem_recv(nested->session, (const uint8_t *)bytes.data, bytes.len);
	if (r >= 0)
		return 0;
	fail_text(nested, false, lib.nghttp2_strerror((int)r));
	return -1;
}

static int on_data(nghttp2_session *session, uint8_t flags, int32_t id, const uint8_t *bytes, size_t len, void *data)
{
	struct h2_stream *stream;

	(void)flags;
	(void)data;
	lib.nghttp2_session_consume_connection(session, len);
	if (stream_of(session, id, &stream) < 0 || !stream->owned) {
		lib.nghttp2_session_consume_stream(session, id, len);
		return 0;
	}
	buf_add(&stream->in, bytes, len);
	if (stream->nested) {
		lib.nghttp2_session_consume_stream(session, id, len);
		h2_feed_nested(stream->nested);
	} else {
		pthread_cond_broadcast(&stream->changed);
	}
	return 0;
}

static int on_close(nghttp2_session *session, int32_t id, uint32_t code, void *data)
{
	struct h2_stream *stream;

	(void)data;
	if (stream_of(session, id, &stream) < 0)
		return 0;
	h2_stream_close(stream, code);
	if (stream->nested)
		fail_text(stream->nested, true, "the session was broken off");
	h2_stream_forget(stream);
	return 0;
}

/* A server that has said everything does not wait for the rest of the request. */
static int on_frame_send(nghttp2_session *session, const nghttp2_frame *frame, void *data)
{
	struct h2 *h2 = data;
	struct h2_stream *stream;

	if (h2->role.accept && (frame->hd.type == NGHTTP2_HEADERS || frame->hd.type == NGHTTP2_DATA) &&
	    (frame->hd.flags & NGHTTP2_FLAG_END_STREAM) && stream_of(session, frame->hd.stream_id, &stream) == 0 &&
	    !stream->in_ended)
		lib.nghttp2_submit_rst_stream(session, NGHTTP2_FLAG_NONE, stream->id, NGHTTP2_NO_ERROR);
	return 0;
}

/* The request was not sent: its stream was never opened, so nghttp2 will not close it. */
static int on_frame_not_send(nghttp2_session *session, const nghttp2_frame *frame, int code, void *data)
{
	struct h2 *h2 = data;
	struct h2_stream *stream = h2->streams;

	(void)session;
	(void)code;
	if (frame->hd.type != NGHTTP2_HEADERS || frame->headers.cat != NGHTTP2_HCAT_REQUEST)
		return 0;
	while (stream && stream->id != frame->hd.stream_id)
		stream = stream->next;
	if (!stream)
		return 0;
	h2_stream_close(stream, NGHTTP2_REFUSED_STREAM);
	h2_stream_forget(stream);
	return 0;
}

static nghttp2_nv pair(const char *name, const char *value)
{
	return (nghttp2_nv){
		.name = (uint8_t *)(uintptr_t)name,
		.value = (uint8_t *)(uintptr_t)value,
		.namelen = strlen(name),
		.valuelen = strlen(value),
	};
}

static nghttp2_nv *h2_pairs(const struct h2_field *fields, size_t len)
{
	nghttp2_nv *list = mem_array(len + 1, sizeof(*list));

	for (size_t i = 0; i < len; i++)
		list[i] = pair(fields[i].name, fields[i].value);
	return list;
}

static void submit_trailers(struct h2_stream *stream)
{
	cleanup_free nghttp2_nv *list = mem_array(stream->trailers_len + 1, sizeof(*list));

	for (size_t i = 0; i < stream->trailers_len; i++)
		list[i] = pair(stream->trailers[i].name, stream->trailers[i].value);
	lib.nghttp2_submit_trailer(stream->h2->session, stream->id, list, stream->trailers_len);
}

/* nghttp2 asks for the next bytes of a stream. */
static ssize_t take_out(nghttp2_session *session, int32_t id, uint8_t *bytes, size_t len, uint32_t *flags,
			nghttp2_data_source *source, void *data)
{
	struct h2_stream *stream = source->ptr;
	size_t rest = stream->out.len - stream->out_at;

	(void)session;
	(void)id;
	(void)data;
	stream->deferred = rest == 0 && !stream->out_ended;
	if (stream->deferred)
		return NGHTTP2_ERR_DEFERRED;
	len = rest < len ? rest : len;
	if (len > 0)
		memcpy(bytes, stream->out.data + stream->out_at, len);
	stream->out_at += len;
	if (len == rest) {
		buf_reset(&stream->out);
		stream->out_at = 0;
		if (stream->out_ended)
			*flags |= NGHTTP2_DATA_FLAG_EOF;
		if (stream->out_ended && stream->trailers_len > 0) {
			*flags |= NGHTTP2_DATA_FLAG_NO_END_STREAM;
			submit_trailers(stream);
		}
	}
	pthread_cond_broadcast(&stream->changed);
	return (ssize_t)len;
}

static int refuse(struct h2 *h2, int code, struct error **err)
{
	return error_make(err, ERROR_TOOL, "%s: HTTP/2: %s", conn_name(h2->root->conn), lib.nghttp2_strerror(code));
}

int h2_submit_request(struct h2_stream *stream, const struct h2_field *fields, size_t len, struct error **err)
{
	const nghttp2_data_provider provider = { .source.ptr = stream, .read_callback = take_out };
	cleanup_free nghttp2_nv *list = h2_pairs(fields, len);
	int32_t id = lib.nghttp2_submit_request(stream->h2->session, NULL, list, len, &provider, stream);

	if (id < 0)
		return refuse(stream->h2, id, err);
	stream->id = id;
	h2_stream_know(stream);
	return 0;
}

int h2_submit_response(struct h2_stream *stream, const struct h2_field *fields, size_t len, bool last, struct error **err)
{
	const nghttp2_data_provider provider = { .source.ptr = stream, .read_callback = take_out };
	cleanup_free nghttp2_nv *list = h2_pairs(fields, len);
	int r = lib.nghttp2_submit_response(stream->h2->session, stream->id, list, len, last ? NULL : &provider);

	return r < 0 ? refuse(stream->h2, r, err) : 0;
}

void h2_submit_reset(struct h2_stream *stream)
{
	lib.nghttp2_submit_rst_stream(stream->h2->session, NGHTTP2_FLAG_NONE, stream->id, NGHTTP2_CANCEL);
}

void h2_stir(struct h2_stream *stream)
{
	if (stream->deferred) {
		stream->deferred = false;
		lib.nghttp2_session_resume_data(stream->h2->session, stream->id);
	}
	h2_wake(stream->h2->root);
}

void h2_consumed(struct h2_stream *stream, size_t len)
{
	lib.nghttp2_session_consume_stream(stream->h2->session, stream->id, len);
	if (lib.nghttp2_session_want_write(stream->h2->session))
		h2_wake(stream->h2->root);
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

static nghttp2_session_callbacks *new_callbacks(void)
{
	nghttp2_session_callbacks *callbacks = NULL;

	if (lib.nghttp2_session_callbacks_new(&callbacks) != 0)
		mem_exhausted();
	lib.nghttp2_session_callbacks_set_on_begin_headers_callback(callbacks, on_begin_headers);
	lib.nghttp2_session_callbacks_set_on_header_callback(callbacks, on_header);
	lib.nghttp2_session_callbacks_set_on_frame_recv_callback(callbacks, on_frame_recv);
	lib.nghttp2_session_callbacks_set_on_frame_send_callback(callbacks, on_frame_send);
	lib.nghttp2_session_callbacks_set_on_frame_not_send_callback(callbacks, on_frame_not_send);
	lib.nghttp2_session_callbacks_set_on_data_chunk_recv_callback(callbacks, on_data);
	lib.nghttp2_session_callbacks_set_on_stream_close_callback(callbacks, on_close);
	return callbacks;
}

static void begin(struct h2 *h2)
{
	nghttp2_session_callbacks *callbacks = new_callbacks();
	nghttp2_option *option = NULL;
	uint32_t window = h2->role.window ? h2->role.window : H2_WINDOW;
	const nghttp2_settings_entry settings[] = {
		{ NGHTTP2_SETTINGS_INITIAL_WINDOW_SIZE, window },
		{ NGHTTP2_SETTINGS_MAX_FRAME_SIZE, FRAME_MAX },
		{ NGHTTP2_SETTINGS_MAX_HEADER_LIST_SIZE, H2_HEADERS_MAX },
		{ NGHTTP2_SETTINGS_MAX_CONCURRENT_STREAMS, H2_STREAMS_MAX },
	};
	int r;

	if (lib.nghttp2_option_new(&option) != 0)
		mem_exhausted();
	lib.nghttp2_option_set_no_auto_window_update(option, 1);
	lib.nghttp2_option_set_max_send_header_block_length(option, H2_HEADERS_MAX);
	if (lib.set_max_continuations)
		lib.set_max_continuations(option, CONTINUATIONS_MAX);
	/* A daemon resets the stream of each piece of a blob that it reads: thousands for a large base. */
	if (lib.set_stream_reset_rate_limit)
		lib.set_stream_reset_rate_limit(option, UINT64_MAX, UINT64_MAX);
	if (h2->role.accept)
		r = lib.nghttp2_session_server_new2(&h2->session, callbacks, h2, option);
	else
		r = lib.nghttp2_session_client_new2(&h2->session, callbacks, h2, option);
	if (r != 0 || lib.nghttp2_submit_settings(h2->session, NGHTTP2_FLAG_NONE, settings,
						  sizeof(settings) / sizeof(*settings)) != 0)
		mem_exhausted();
	lib.nghttp2_session_set_local_window_size(h2->session, NGHTTP2_FLAG_NONE, 0, CONNECTION_WINDOW);
	lib.nghttp2_option_del(option);
	lib.nghttp2_session_callbacks_del(callbacks);
}

/* Moves bytes from nghttp2's session to a queue, up to about `max` there. True when it moved some. */
static bool drain(struct h2 *h2, struct buf *out, size_t max)
{
	bool moved = false;

	while (!h2->error && out->len < max) {
		const uint8_t *bytes;
		ssize_t len = lib.nghttp2_session_mem_send(h2->session, &bytes);

		if (len < 0)
			fail_text(h2, false, lib.nghttp2_strerror((int)len));
		if (len <= 0)
			break;
		buf_add(out, bytes, (size_t)len);
		moved = true;
	}
	return moved;
}

/* nghttp2 is finished: the peer violated the protocol, and has been told. */
static void notice_end(struct h2 *h2)
{
	if (!h2->error && !lib.nghttp2_session_want_read(h2->session) && !lib.nghttp2_session_want_write(h2->session))
		fail_text(h2, false, "the connection broke the rules of HTTP/2");
}

/* Moves the bytes of nested connections into the streams that carry them. */
static void drain_nested(struct root *root)
{
	for (struct h2 *h2 = root->nested; h2; h2 = h2->next) {
		struct h2_stream *carrier = h2->carrier;

		if (carrier->closed || carrier->out.len - carrier->out_at >= H2_QUEUE)
			continue;
		if (!drain(h2, &h2->sent, OUT_BLOCK)) {
			notice_end(h2);
			continue;
		}
		h2->wrapping.wrap(h2->sent.data, h2->sent.len, &carrier->out);
		buf_reset(&h2->sent);
		h2_stir(carrier);
	}
}

static void collect(struct root *root)
{
	do
		drain_nested(root);
	while (drain(root->outer, &root->out, OUT_BLOCK) && root->out.len < OUT_BLOCK);
}

static int write_out(struct root *root, struct error **err)
{
	while (root->out_at < root->out.len) {
		ssize_t n = conn_write(root->conn, root->out.data + root->out_at, root->out.len - root->out_at, err);

		if (n <= 0)
			return (int)n;
		root->out_at += (size_t)n;
	}
	buf_reset(&root->out);
	root->out_at = 0;
	return 0;
}

static int read_in(struct root *root, char *block, struct error **err)
{
	ssize_t n, r = 0;

	while ((n = conn_read(root->conn, block, READ_BLOCK, err)) > 0 && r >= 0) {
		pthread_mutex_lock(&root->lock);
		if (!root->outer->error)
			r = lib.nghttp2_session_mem_recv(root->outer->session, (const uint8_t *)block, (size_t)n);
		pthread_mutex_unlock(&root->lock);
		if ((size_t)n < READ_BLOCK)
			break;
	}
	if (n < 0 || r >= 0)
		return n < 0 ? -1 : 0;
	return error_make(err, ERROR_TOOL, "%s: HTTP/2: %s", conn_name(root->conn), lib.nghttp2_strerror((int)r));
}

/* Waits for the connection and for the wake-up pipe. */
static void pause_at(struct root *root, int ms)
{
	struct pollfd fds[] = {
		{ .fd = conn_fd(root->conn), .events = POLLIN },
		{ .fd = root->wake[0], .events = POLLIN },
	};
	char drained[64];

	if (root->out_at < root->out.len)
		fds[0].events |= conn_wants(root->conn) | POLLIN;
	if (poll(fds, 2, ms) > 0 && fds[1].revents)
		while (read(root->wake[0], drained, sizeof(drained)) == (ssize_t)sizeof(drained))
			;
}

/* Reads and writes until it would block. False: the connection is over. */
static bool turn(struct root *root, char *block, struct error **err)
{
	bool more = true, going;

	while (more) {
		if (read_in(root, block, err) < 0)
			return false;
		pthread_mutex_lock(&root->lock);
		root->woken = false;
		if (root->out.len == 0) {
			collect(root);
			if (root->out.len == 0 && !root->stopping)
				notice_end(root->outer);
		}
		going = !root->outer->error;
		pthread_mutex_unlock(&root->lock);
		more = root->out.len > 0;
		if (!going || write_out(root, err) < 0)
			return false;
		/* Writing has made room in the queues. */
		more = more && root->out.len == 0;
	}
	return true;
}

static void *h2_run(void *arg)
{
	struct root *root = arg;
	cleanup_free char *block = mem_alloc(READ_BLOCK);
	cleanup_error struct error *error = NULL;
	uint64_t end = 0;

	while (turn(root, block, &error)) {
		bool stopping;

		pthread_mutex_lock(&root->lock);
		stopping = root->stopping;
		pthread_mutex_unlock(&root->lock);
		if (stopping && !end)
			end = loop_now_ms() + FAREWELL_MS;
		if (stopping && (root->out.len == 0 || loop_now_ms() >= end))
			break;
		pause_at(root, stopping ? FAREWELL_MS / 10 : -1);
	}
	pthread_mutex_lock(&root->lock);
	if (error)
		fail(root->outer, error);
	else
		fail_text(root->outer, true, "the connection was closed");
	pthread_mutex_unlock(&root->lock);
	shutdown(conn_fd(root->conn), SHUT_RDWR);
	return NULL;
}

static void free_root(struct root *root)
{
	conn_free(root->conn);
	fd_cleanup(&root->wake[0]);
	fd_cleanup(&root->wake[1]);
	buf_free(&root->out);
	pthread_cond_destroy(&root->over);
	pthread_mutex_destroy(&root->lock);
	free(root);
}

static void free_h2(struct h2 *h2)
{
	lib.nghttp2_session_del(h2->session);
	buf_free(&h2->sent);
	error_free(h2->error);
	free(h2);
}

static int open_wake(struct root *root, struct error **err)
{
	if (pipe(root->wake) < 0)
		return error_errno(err, ERROR_STATE, errno, "a pipe");
	for (int i = 0; i < 2; i++)
		if (fcntl(root->wake[i], F_SETFD, FD_CLOEXEC) < 0 || fcntl(root->wake[i], F_SETFL, O_NONBLOCK) < 0)
			return error_errno(err, ERROR_STATE, errno, "a pipe");
	return 0;
}

int h2_start(struct loop *loop, struct conn *conn, const struct h2_role *role, struct h2 **ret, struct error **err)
{
	struct root *root = mem_alloc(sizeof(*root));
	struct h2 *h2;
	int r;

	*root = (struct root){ .loop = loop, .conn = conn, .wake = { -1, -1 } };
	pthread_mutex_init(&root->lock, NULL);
	h2_cond_init(&root->over);
	pthread_once(&lib.once, load_nghttp2);
	if (lib.error || open_wake(root, err) < 0) {
		free_root(root);
		return lib.error ? error_copy(err, lib.error) : -1;
	}
	h2 = root->outer = mem_alloc(sizeof(*h2));
	*h2 = (struct h2){ .root = root, .role = *role };
	begin(h2);
	r = pthread_create(&root->thread, NULL, h2_run, root);
	if (r != 0) {
		free_h2(h2);
		free_root(root);
		return error_errno(err, ERROR_STATE, r, "cannot start a thread");
	}
	*ret = h2;
	return 0;
}

int h2_nest(struct h2_stream *carrier, const struct h2_wrapping *wrapping, const struct h2_role *role, struct h2 **ret,
	    struct error **err)
{
	struct root *root = carrier->h2->root;
	struct h2 *h2;
	int r = 0;

	pthread_mutex_lock(&root->lock);
	h2 = mem_alloc(sizeof(*h2));
	*h2 = (struct h2){ .root = root, .role = *role, .carrier = carrier, .wrapping = *wrapping };
	begin(h2);
	carrier->nested = h2;
	h2->next = root->nested;
	root->nested = h2;
	if (carrier->closed || carrier->in_ended) {
		fail_text(h2, true, "the session was broken off");
		r = -1;
	} else {
		size_t waiting = carrier->in.len - carrier->in_at;

		h2_consumed(carrier, waiting);
		r = waiting > 0 ? h2_feed_nested(h2) : 0;
	}
	if (r < 0)
		error_copy(err, h2->error);
	h2_wake(root);
	pthread_mutex_unlock(&root->lock);
	if (r < 0)
		h2_free(h2);
	else
		*ret = h2;
	return r;
}

void h2_cut(struct h2 *h2)
{
	pthread_mutex_lock(&h2->root->lock);
	fail_text(h2, true, "the connection was closed");
	h2_wake(h2->root);
	pthread_mutex_unlock(&h2->root->lock);
}

static void free_nested(struct h2 *h2)
{
	struct root *root = h2->root;
	struct h2 **at = &root->nested;

	pthread_mutex_lock(&root->lock);
	fail_text(h2, true, "the session has ended");
	while (*at != h2)
		at = &(*at)->next;
	*at = h2->next;
	h2->carrier->nested = NULL;
	pthread_mutex_unlock(&root->lock);
	h2_stream_free(h2->carrier);
	free_h2(h2);
}

void h2_free(struct h2 *h2)
{
	struct root *root;

	if (!h2)
		return;
	if (h2->carrier) {
		free_nested(h2);
		return;
	}
	root = h2->root;
	pthread_mutex_lock(&root->lock);
	if (!h2->error)
		lib.nghttp2_session_terminate_session(h2->session, NGHTTP2_NO_ERROR);
	root->stopping = true;
	h2_wake(root);
	pthread_mutex_unlock(&root->lock);
	pthread_join(root->thread, NULL);
	free_h2(h2);
	free_root(root);
}

bool h2_alive(struct h2 *h2)
{
	bool alive;

	pthread_mutex_lock(&h2->root->lock);
	alive = !h2->error;
	pthread_mutex_unlock(&h2->root->lock);
	return alive;
}

int h2_wait(struct h2 *h2, struct error **err)
{
	struct root *root = h2->root;
	int r = 0;

	pthread_mutex_lock(&root->lock);
	while (r == 0 && !h2->error)
		r = h2_pause(root, &root->over, 0, err);
	if (r == 0)
		error_copy(err, h2->error);
	pthread_mutex_unlock(&root->lock);
	return -1;
}
