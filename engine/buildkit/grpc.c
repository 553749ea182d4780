#include "config.h"

#include "engine/buildkit/grpc.h"

#include <pthread.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/bug.h"
#include "base/base64.h"
#include "base/error.h"
#include "base/json.h"
#include "base/mem.h"
#include "base/text.h"
#include "base/debug_trace.h"
#include "engine/buildkit/proto/control.pb-c.h"
#include "engine/buildkit/proto/message.h"
#include "engine/io/loop.h"

#define PREFIX 5                      /* bytes before a message: the compression flag and the length */
#define FIELD_DATA 0x0a               /* field 1, bytes */
#define VARINT_MAX 10                 /* bytes of a number */
#define CARRIED_MAX ((size_t)1 << 20) /* bytes of one message that carries those of another connection */

struct grpc_call {
	struct h2_stream *stream;
	const char *path; /* client */
	int64_t begun;    /* for the trace */
	struct buf in;    /* received bytes of the next messages */
	size_t in_at;
	bool server, responded, ended;
	int code; /* client: the final status; server: the one to end with; -1: unknown */
	char *message;
	struct buf details;
};

static void put_length(unsigned char *at, size_t len)
{
	for (int i = 0; i < 4; i++)
		at[i] = (unsigned char)(len >> (24 - 8 * i));
}

static size_t get_length(const unsigned char *at)
{
	return (size_t)at[0] << 24 | (size_t)at[1] << 16 | (size_t)at[2] << 8 | at[3];
}

static struct grpc_call *call_new(struct h2_stream *stream, bool server)
{
	struct grpc_call *call = mem_alloc(sizeof(*call));

	*call = (struct grpc_call){ .stream = stream, .server = server, .code = -1 };
	return call;
}

int grpc_open(struct h2 *h2, const char *path, const struct h2_field *metadata, size_t len, struct grpc_call **ret,
	      struct error **err)
{
	const struct h2_field own[] = {
		{ ":method", "POST" },
		{ ":scheme", "http" },
		{ ":path", path },
		{ ":authority", "localhost" },
		{ "content-type", "application/grpc" },
		{ "te", "trailers" },
		{ "user-agent", PACKAGE_NAME },
	};
	enum { OWN = sizeof(own) / sizeof(*own) };
	cleanup_free struct h2_field *fields = mem_array(OWN + len, sizeof(*fields));
	struct h2_stream *stream;

	if (message_load(err) < 0)
		return -1;
	memcpy(fields, own, sizeof(own));
	if (len > 0)
		memcpy(fields + OWN, metadata, len * sizeof(*metadata));
	if (h2_open(h2, fields, OWN + len, &stream, err) < 0)
		return -1;
	*ret = call_new(stream, false);
	(*ret)->path = path;
	(*ret)->begun = trace_on() ? trace_now() : 0;
	return 0;
}

static void call_trace(const struct grpc_call *call)
{
	struct json *line = trace_begin("call");

	trace_str(line, "path", call->path);
	if (call->code >= 0)
		json_set_int(line, "status", call->code);
	json_set_int(line, "took_us", trace_now() - call->begun);
	trace_str(line, "error", call->code > 0 ? call->message : NULL);
	trace_end(line);
}

static void call_free(struct grpc_call *call)
{
	free(call->message);
	buf_free(&call->details);
	buf_free(&call->in);
	free(call);
}

void grpc_free(struct grpc_call *call)
{
	if (!call)
		return;
	if (trace_on() && !call->server)
		call_trace(call);
	h2_stream_free(call->stream);
	call_free(call);
}

void grpc_cleanup(struct grpc_call **call)
{
	grpc_free(*call);
}

static int respond(struct grpc_call *call, struct error **err)
{
	static const struct h2_field fields[] = { { ":status", "200" }, { "content-type", "application/grpc" } };

	if (!call->server || call->responded)
		return 0;
	call->responded = true;
	return h2_respond(call->stream, fields, sizeof(fields) / sizeof(*fields), false, err);
}

struct h2_stream *grpc_detach(struct grpc_call *call, struct error **err)
{
	struct h2_stream *stream = call->stream;

	if (respond(call, err) < 0)
		return NULL;
	call->stream = NULL;
	if (!call->server)
		call_free(call);
	return stream;
}

int grpc_send(struct grpc_call *call, const struct ProtobufCMessage *message, struct error **err)
{
	cleanup_buf struct buf out = { 0 };
	char prefix[PREFIX] = { 0 };

	buf_add(&out, prefix, sizeof(prefix));
	message_pack(message, &out);
	put_length((unsigned char *)out.data + 1, out.len - PREFIX);
	return respond(call, err) < 0 ? -1 : h2_write(call->stream, out.data, out.len, err);
}

int grpc_end(struct grpc_call *call, struct error **err)
{
	return h2_finish(call->stream, NULL, 0, err);
}

static char *percent_decode(const char *text)
{
	struct buf out = { 0 };

	text_unescape(&out, text, strlen(text));
	return buf_steal(&out);
}

static void percent_encode(const char *text, struct buf *out)
{
	for (; *text; text++) {
		if (*text >= ' ' && *text <= '~' && *text != '%')
			buf_char(out, *text);
		else
			buf_printf(out, "%%%02X", (unsigned char)*text);
	}
}

static bool may_pass(int code)
{
	return code == GRPC_UNAVAILABLE || code == GRPC_EXHAUSTED || code == GRPC_DEADLINE;
}

/* The peer has ended its side: find out the status. */
static int take_status(struct grpc_call *call, struct error **err)
{
	const char *code = h2_header(call->stream, "grpc-status", 0);
	const char *text = h2_header(call->stream, "grpc-message", 0);
	const char *details = h2_header(call->stream, "grpc-status-details-bin", 0);
	struct error *error = NULL;
	char *end;
	long number = code ? strtol(code, &end, 10) : -1;

	if (!code || end == code || *end || number < 0 || number > 1000) {
		const char *status = h2_header(call->stream, ":status", 0);

		return error_make(err, ERROR_TOOL, "the answer has no gRPC status (HTTP %s)", status ? status : "?");
	}
	call->ended = true;
	call->code = (int)number;
	call->message = percent_decode(text ? text : "");
	if (details && !base64_decode(details, &call->details))
		buf_free(&call->details);
	if (call->code == GRPC_OK)
		return 0;
	error_make(&error, ERROR_TOOL, "%s", call->message[0] ? call->message : "it failed without giving a reason");
	error->transient = may_pass(call->code);
	return error_move(err, &error);
}

/* Reads more bytes. 1; 0: there are no more. */
static int read_more(struct grpc_call *call, struct error **err)
{
	if (call->in_at > 0 && call->in_at == call->in.len) {
		buf_reset(&call->in);
		call->in_at = 0;
	}
	return h2_read(call->stream, &call->in, err);
}

/* Moves the remaining bytes to the front, to make room for a whole message. */
static void compact(struct grpc_call *call)
{
	struct buf rest = { 0 };

	if (call->in_at < H2_WINDOW)
		return;
	buf_add(&rest, call->in.data + call->in_at, call->in.len - call->in_at);
	buf_free(&call->in);
	call->in = rest;
	call->in_at = 0;
}

void grpc_limit(struct grpc_call *call, uint64_t limit_ms)
{
	h2_limit(call->stream, limit_ms ? loop_now_ms() + limit_ms : 0);
}

void grpc_need(struct grpc_call *call, struct h2 *nested)
{
	h2_need(call->stream, nested);
}

/* The next message, if it is complete: where it begins, and its length. 1; 0: it is not. */
static int next_message(struct grpc_call *call, const char **ret, size_t *ret_len, struct error **err)
{
	for (;;) {
		size_t have = call->in.len - call->in_at, len;
		const char *at = call->in.data + call->in_at;
		int r;

		if (have >= PREFIX) {
			len = get_length((const unsigned char *)at + 1);
			if (at[0] != 0 || len > GRPC_MESSAGE_MAX)
				return error_make(err, ERROR_TOOL, "received an invalid gRPC message");
			if (have >= PREFIX + len) {
				*ret = at + PREFIX;
				*ret_len = len;
				call->in_at += PREFIX + len;
				return 1;
			}
		}
		compact(call);
		r = read_more(call, err);
		if (r < 0)
			return -1;
		if (r == 0 && have > 0)
			return error_make(err, ERROR_TOOL, "a gRPC message is truncated");
		if (r == 0)
			return 0;
	}
}

int grpc_receive(struct grpc_call *call, const struct ProtobufCMessageDescriptor *type, void **ret, struct error **err)
{
	const char *bytes = NULL;
	size_t len = 0;
	int r;

	if (!call->server && h2_wait_headers(call->stream, err) < 0)
		return -1;
	r = next_message(call, &bytes, &len, err);
	if (r < 0)
		return -1;
	if (r == 0)
		return call->server ? 0 : take_status(call, err);
	*ret = message_unpack(type, bytes, len);
	return *ret ? 1 : error_make(err, ERROR_TOOL, "received a gRPC message of another type than expected");
}

int grpc_ask(struct h2 *h2, const char *path, const struct h2_field *metadata, size_t len,
	     const struct ProtobufCMessage *message, uint64_t limit_ms, const struct ProtobufCMessageDescriptor *type,
	     void **ret, struct error **err)
{
	cleanup_grpc struct grpc_call *call = NULL;
	void *answer = NULL, *more = NULL;
	int r;

	if (grpc_open(h2, path, metadata, len, &call, err) < 0)
		return -1;
	grpc_limit(call, limit_ms);
	if (grpc_send(call, message, err) < 0 || grpc_end(call, err) < 0)
		return -1;
	r = grpc_receive(call, type, &answer, err);
	if (r == 0)
		return error_make(err, ERROR_TOOL, "%s: no answer", path);
	if (r > 0)
		r = grpc_receive(call, type, &more, err);
	message_free(more);
	if (r != 0) {
		message_free(answer);
		return r < 0 ? -1 : error_make(err, ERROR_TOOL, "%s: it answered twice", path);
	}
	*ret = answer;
	return 0;
}

struct grpc_status grpc_status(const struct grpc_call *call)
{
	return (struct grpc_status){
		.code = call->code,
		.message = call->message ? call->message : "",
		.details = call->details.len > 0 ? call->details.data : NULL,
		.details_len = call->details.len,
	};
}

const char *grpc_metadata(const struct grpc_call *call, const char *name, size_t nth)
{
	return h2_header(call->stream, name, nth);
}

int grpc_refuse(struct grpc_call *call, enum grpc_code code, const char *fmt, ...)
{
	va_list args;

	free(call->message);
	va_start(args, fmt);
	call->message = mem_vprintf(fmt, args);
	va_end(args);
	call->code = code;
	return -1;
}

void grpc_refuse_details(struct grpc_call *call, const void *details, size_t len)
{
	buf_reset(&call->details);
	buf_add(&call->details, details, len);
}

/* Ends a call on the server's side with its status. */
static void finish(struct grpc_call *call)
{
	cleanup_buf struct buf text = { 0 }, details = { 0 };
	char code[16];
	struct h2_field fields[5] = { { ":status", "200" }, { "content-type", "application/grpc" } };
	size_t len = call->responded ? 0 : 2;

	snprintf(code, sizeof(code), "%d", call->code);
	fields[len++] = (struct h2_field){ "grpc-status", code };
	if (call->message && *call->message) {
		percent_encode(call->message, &text);
		fields[len++] = (struct h2_field){ "grpc-message", text.data };
	}
	if (call->details.len > 0) {
		base64_encode(call->details.data, call->details.len, &details);
		fields[len++] = (struct h2_field){ "grpc-status-details-bin", details.data };
	}
	if (call->responded)
		h2_finish(call->stream, fields, len, NULL);
	else
		h2_respond(call->stream, fields, len, true, NULL);
}

struct grpc_server {
	struct grpc_method *methods;
	size_t len;
	pthread_mutex_t lock;
	pthread_cond_t idle;
	/* Guarded by `lock`: */
	size_t calls;        /* number of running threads */
	struct error *fault; /* see grpc_server_fault */
};

struct serving {
	struct grpc_server *server;
	struct h2_stream *stream;
};

int grpc_server_new(const struct grpc_method *methods, size_t len, struct grpc_server **ret, struct error **err)
{
	struct grpc_server *server;

	if (message_load(err) < 0)
		return -1;
	server = mem_alloc(sizeof(*server));
	server->methods = mem_array(len + 1, sizeof(*methods));
	if (len > 0)
		memcpy(server->methods, methods, len * sizeof(*methods));
	server->len = len;
	pthread_mutex_init(&server->lock, NULL);
	pthread_cond_init(&server->idle, NULL);
	*ret = server;
	return 0;
}

static void take_fault(struct grpc_server *server, const struct error *error)
{
	if (error->cls != ERROR_STATE)
		return;
	pthread_mutex_lock(&server->lock);
	error_copy(&server->fault, error);
	pthread_mutex_unlock(&server->lock);
}

int grpc_server_fault(struct grpc_server *server, struct error **err)
{
	int r;

	pthread_mutex_lock(&server->lock);
	r = server->fault ? error_copy(err, server->fault) : 0;
	pthread_mutex_unlock(&server->lock);
	return r;
}

static void answer_call(struct grpc_server *server, struct grpc_call *call)
{
	const char *path = grpc_metadata(call, ":path", 0);
	cleanup_error struct error *error = NULL;
	int r = -1;

	for (size_t i = 0; i < server->len; i++) {
		const struct grpc_method *method = &server->methods[i];

		if (!path || strcmp(method->path, path) != 0)
			continue;
		r = method->serve(method->data, call, &error);
		if (error)
			take_fault(server, error);
		if (r >= 0)
			call->code = GRPC_OK;
		else if (call->code < 0)
			grpc_refuse(call, GRPC_UNKNOWN, "%s", error ? error->message : "");
		/* Even a stream without answers needs headers. */
		if (r >= 0 && call->stream)
			respond(call, NULL);
		return;
	}
	grpc_refuse(call, GRPC_UNIMPLEMENTED, "unknown method %s", path ? path : "");
}

static void serving_done(struct grpc_server *server)
{
	pthread_mutex_lock(&server->lock);
	bug_if(server->calls == 0, "more calls ended than were started");
	if (--server->calls == 0)
		pthread_cond_broadcast(&server->idle);
	pthread_mutex_unlock(&server->lock);
}

static void *serve_call(void *arg)
{
	struct serving *serving = arg;
	struct grpc_server *server = serving->server;
	struct grpc_call *call = call_new(serving->stream, true);

	free(serving);
	answer_call(server, call);
	if (call->stream)
		finish(call);
	grpc_free(call);
	serving_done(server);
	return NULL;
}

static bool accept_call(void *data, struct h2_stream *stream)
{
	struct grpc_server *server = data;
	struct serving *serving = mem_alloc(sizeof(*serving));
	pthread_attr_t attr;
	pthread_t thread;
	int r;

	*serving = (struct serving){ server, stream };
	pthread_mutex_lock(&server->lock);
	server->calls++;
	pthread_mutex_unlock(&server->lock);
	pthread_attr_init(&attr);
	pthread_attr_setdetachstate(&attr, PTHREAD_CREATE_DETACHED);
	r = pthread_create(&thread, &attr, serve_call, serving);
	pthread_attr_destroy(&attr);
	if (r != 0) {
		cleanup_error struct error *error = NULL;

		error_errno(&error, ERROR_STATE, r, "cannot start a thread");
		take_fault(server, error);
		free(serving);
		serving_done(server);
	}
	return r == 0;
}

struct h2_role grpc_server_role(struct grpc_server *server)
{
	return (struct h2_role){ .accept = accept_call, .data = server };
}

void grpc_server_free(struct grpc_server *server)
{
	if (!server)
		return;
	pthread_mutex_lock(&server->lock);
	while (server->calls > 0)
		pthread_cond_wait(&server->idle, &server->lock);
	pthread_mutex_unlock(&server->lock);
	pthread_cond_destroy(&server->idle);
	pthread_mutex_destroy(&server->lock);
	error_free(server->fault);
	free(server->methods);
	free(server);
}

static void wrap(const void *data, size_t len, struct buf *out)
{
	const char *at = data;

	while (len > 0) {
		size_t piece = len < CARRIED_MAX ? len : CARRIED_MAX, rest;
		unsigned char head[PREFIX + 1 + VARINT_MAX] = { 0 };
		size_t head_len = PREFIX;

		head[head_len++] = FIELD_DATA;
		for (rest = piece; rest >= 0x80; rest >>= 7)
			head[head_len++] = (unsigned char)(rest | 0x80);
		head[head_len++] = (unsigned char)rest;
		put_length(head + 1, head_len - PREFIX + piece);
		buf_add(out, head, head_len);
		buf_add(out, at, piece);
		at += piece;
		len -= piece;
	}
}

static long unwrap(const void *in, size_t len, struct buf *out)
{
	const char *at = in;
	size_t taken = 0;

	while (len - taken >= PREFIX) {
		size_t size = get_length((const unsigned char *)at + taken + 1);
		cleanup_message Bk__Carried *carried = NULL;

		if (at[taken] != 0 || size > GRPC_MESSAGE_MAX)
			return -1;
		if (len - taken < PREFIX + size)
			break;
		carried = message_unpack(&bk__carried__descriptor, at + taken + PREFIX, size);
		if (!carried)
			return -1;
		buf_add(out, carried->data.data, carried->data.len);
		taken += PREFIX + size;
	}
	return (long)taken;
}

const struct h2_wrapping grpc_wrapping = { wrap, unwrap };
