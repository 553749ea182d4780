#include "config.h"

#include <stdlib.h>
#include <string.h>

#include <nghttp2/nghttp2.h>

#include "base/error.h"
#include "base/mem.h"
#include "base/module.h"
#include "engine/buildkit/conn.h"
#include "engine/buildkit/h2_private.h"

#define CONNECTION_WINDOW (1 << 30) /* bytes: large, because the streams' own windows are the limit */
#define FRAME_MAX (1u << 20)        /* bytes of a frame of the peer's */
#define CONTINUATIONS_MAX 4096      /* frames that the headers of one stream may take */

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
		h2_fail_text(stream->nested, true, "the daemon ended the session");
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

int h2_receive(struct h2 *h2, const char *bytes, size_t len)
{
	cleanup_free char *why = NULL;
	ssize_t r;

	if (h2->error)
		return 0;
	r = lib.nghttp2_session_mem_recv(h2->session, (const uint8_t *)bytes, len);
	if (r >= 0)
		return 0;
	why = mem_printf("HTTP/2: %s", lib.nghttp2_strerror((int)r));
	h2_fail_text(h2, false, why);
	return -1;
}

int h2_feed_nested(struct h2 *nested)
{
	struct h2_stream *carrier = nested->carrier;
	cleanup_buf struct buf bytes = { 0 };
	long took = nested->wrapping.unwrap(carrier->in.data + carrier->in_at, carrier->in.len - carrier->in_at, &bytes);

	if (took < 0) {
		h2_fail_text(nested, false, "the session sent invalid data");
		return -1;
	}
	carrier->in_at += (size_t)took;
	if (carrier->in_at == carrier->in.len) {
		buf_reset(&carrier->in);
		carrier->in_at = 0;
	}
	return bytes.len > 0 ? h2_receive(nested, bytes.data, bytes.len) : 0;
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
		h2_fail_text(stream->nested, true, "the session was interrupted");
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

/* The request was not sent. nghttp2 closes its stream, unless it was never opened. */
static int on_frame_not_send(nghttp2_session *session, const nghttp2_frame *frame, int code, void *data)
{
	struct h2 *h2 = data;
	struct h2_stream *stream = h2->streams;

	(void)code;
	if (frame->hd.type != NGHTTP2_HEADERS || frame->headers.cat != NGHTTP2_HCAT_REQUEST)
		return 0;
	while (stream && stream->id != frame->hd.stream_id)
		stream = stream->next;
	if (!stream)
		return 0;
	h2_stream_close(stream, NGHTTP2_REFUSED_STREAM);
	if (!lib.nghttp2_session_get_stream_user_data(session, stream->id))
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

int h2_load(struct error **err)
{
	pthread_once(&lib.once, load_nghttp2);
	return lib.error ? error_copy(err, lib.error) : 0;
}

void h2_begin(struct h2 *h2)
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

bool h2_drain(struct h2 *h2, struct buf *out, size_t max)
{
	bool moved = false;

	while (!h2->error && out->len < max) {
		const uint8_t *bytes;
		ssize_t len = lib.nghttp2_session_mem_send(h2->session, &bytes);

		if (len < 0)
			h2_fail_text(h2, false, lib.nghttp2_strerror((int)len));
		if (len <= 0)
			break;
		buf_add(out, bytes, (size_t)len);
		moved = true;
	}
	return moved;
}

bool h2_finished(const struct h2 *h2)
{
	return !lib.nghttp2_session_want_read(h2->session) && !lib.nghttp2_session_want_write(h2->session);
}

void h2_terminate(struct h2 *h2)
{
	lib.nghttp2_session_terminate_session(h2->session, NGHTTP2_NO_ERROR);
}

void h2_drop(struct h2 *h2)
{
	lib.nghttp2_session_del(h2->session);
	h2->session = NULL;
}
