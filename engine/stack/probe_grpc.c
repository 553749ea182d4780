#include "config.h"

#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/error.h"
#include "base/mem.h"
#include "base/text.h"
#include "dsl/manifest.h"
#include "engine/io/http.h"
#include "engine/io/loop.h"
#include "engine/stack/probe.h"

/*
 * gRPC's health protocol (grpc/doc/health-checking.md) over HTTP/2 (grpc/doc/PROTOCOL-HTTP2.md): a call of
 * grpc.health.v1.Health/Check with the service's name (field 1). The answer's field 1 is its status.
 */

#define FRAME_HEAD 5 /* bytes before a message: not compressed, its length */
#define TAG_SERVICE 0x0a
#define TAG_STATUS 0x08
#define STATUS_NOT_FOUND "5"
#define STATUS_UNIMPLEMENTED "12"

static void add_message(const char *service, struct buf *out)
{
	size_t len = service ? strlen(service) : 0;

	for (int i = 0; i < FRAME_HEAD - 1; i++)
		buf_char(out, '\0');
	buf_char(out, (char)(len > 0 ? len + 2 : 0));
	if (len > 0) {
		buf_char(out, TAG_SERVICE);
		buf_char(out, (char)len);
		buf_add(out, service, len);
	}
}

/* The status of an answer that came whole: 0 when it is left out, as protobuf does; -1: it is no answer. */
static int answered_status(const struct buf *body)
{
	const unsigned char *data = (const unsigned char *)body->data;

	if (body->len == FRAME_HEAD)
		return 0;
	return body->len >= FRAME_HEAD + 2 && data[0] == 0 && data[FRAME_HEAD] == TAG_STATUS ? data[FRAME_HEAD + 1] : -1;
}

static void judge_call(struct probe *probe, const char *status, const char *message)
{
	const char *service = probe->grpc->service.s;

	if (strcmp(status, STATUS_UNIMPLEMENTED) == 0) {
		buf_str(&probe->why, "the server does not have the service grpc.health.v1.Health");
	} else if (strcmp(status, STATUS_NOT_FOUND) == 0) {
		buf_printf(&probe->why, "the server does not know the service \"%s\"", service ? service : "");
	} else {
		buf_printf(&probe->why, "gRPC status %s", status);
		if (message && *message) {
			buf_str(&probe->why, ": ");
			text_safe(&probe->why, message, strlen(message));
		}
	}
}

static void probe_grpc_judge(struct probe *probe, const struct http_response *response, bool *ret_healthy)
{
	static const char *const names[] = { "UNKNOWN", "SERVING", "NOT_SERVING", "SERVICE_UNKNOWN" };
	cleanup_free char *status = http_header(response, "grpc-status", 0);
	cleanup_free char *message = http_header(response, "grpc-message", 0);
	int answer = answered_status(response->body);

	if (response->status != 200 || !status)
		buf_printf(&probe->why, "status %ld, which is not an answer of gRPC", response->status);
	else if (strcmp(status, "0") != 0)
		judge_call(probe, status, message);
	else if (answer < 0 || (size_t)answer >= sizeof(names) / sizeof(names[0]))
		buf_str(&probe->why, "an answer that is not grpc.health.v1's");
	else if (strcmp(names[answer], "SERVING") != 0)
		buf_printf(&probe->why, "it says %s", names[answer]);
	else
		*ret_healthy = true;
}

int probe_grpc(struct probe *probe, uint64_t limit_ms, bool *ret_healthy, struct error **err)
{
	static const char *const headers[] = { "Content-Type: application/grpc", "TE: trailers", NULL };
	const struct grpc_check *check = probe->grpc;
	/* A certificate is for a name. */
	const char *host = !check->tls     ? probe->host
			   : check->host.s ? check->host.s
			   : probe->name   ? probe->name
					   : probe->host;
	bool six = strchr(host, ':') != NULL;
	cleanup_free char *url = mem_printf("%s://%s%s%s:%u/grpc.health.v1.Health/Check", check->tls ? "https" : "http",
					    six ? "[" : "", host, six ? "]" : "", probe->port);
	cleanup_buf struct buf authorities = { 0 };
	const struct http_tls tls = { .authorities = &authorities, .unverified = check->insecure };
	cleanup_http struct http_response response = { 0 };
	cleanup_buf struct buf message = { 0 };
	struct error *error = NULL;
	struct http_request request = {
		.method = "POST",
		.url = url,
		.address = probe->host,
		.netns = probe->inside ? &probe->netns : NULL,
		.headers = headers,
		.body_fd = -1,
		.tls = check->tls ? &tls : NULL,
		.h2c = !check->tls,
		.http2 = check->tls,
		.connect_ms = limit_ms,
		.total_ms = limit_ms,
		.body_max = PROBE_BODY_MAX,
		.stop = probe->stop,
	};

	buf_reset(&probe->why);
	*ret_healthy = false;
	add_message(check->service.s, &message);
	request.body = message.data;
	request.body_len = message.len;
	if (probe_authorities(&check->ca, &authorities, err) < 0)
		return -1;
	if (http_do(probe->loop, &request, &response, &error) < 0) {
		if (error->cls != ERROR_HEALTH)
			return error_move(err, &error);
		buf_str(&probe->why, error->message);
		error_free(error);
		return 0;
	}
	probe_grpc_judge(probe, &response, ret_healthy);
	return 0;
}
