#include "config.h"

#include <string.h>

#include "base/buf.h"
#include "base/error.h"
#include "base/mem.h"
#include "base/text.h"
#include "dsl/manifest.h"
#include "engine/io/http.h"
#include "engine/io/loop.h"
#include "engine/stack/probe.h"

#define CONNECT_MS 2000 /* a container on this machine answers at once or never */

static void probe_http_keep(struct probe *probe, const struct http_response *response)
{
	buf_reset(&probe->answer);
	buf_add(&probe->answer, response->body->data, response->body->len);
	probe->status = response->status;
}

static bool probe_http_is_redirect(const struct http_response *response)
{
	return response->status >= 300 && response->status <= 399 && response->location;
}

/* Judges one answer. 1: a redirect to *ret_next (malloc'd) on the same origin. */
static int probe_http_take(struct probe *probe, const char *origin, const struct http_response *response,
			   bool *ret_healthy, char **ret_next, struct error **err)
{
	probe_http_keep(probe, response);
	if (probe_judge(probe->http, probe->pattern, response, ret_healthy, &probe->why, err) < 0)
		return -1;
	if (*ret_healthy || !probe_http_is_redirect(response) || response->status == probe->http->status)
		return 0;
	buf_reset(&probe->why);
	if (!probe_same_origin(origin, response->location)) {
		buf_printf(&probe->why,
			   "status %ld, a redirect to another host, which is not followed: ", response->status);
		text_safe(&probe->why, response->location, strlen(response->location));
		return 0;
	}
	*ret_next = mem_strdup(response->location);
	return 1;
}

/* No answer this time: an earlier one says more. */
static void add_silence(struct probe *probe, const char *message)
{
	if (probe->wrong.len > 0)
		buf_printf(&probe->why, "%s; then: ", probe->wrong.data);
	buf_str(&probe->why, message);
}

static int probe_http_ask(struct probe *probe, const char *origin, const char *url, uint64_t limit_ms,
			  bool *ret_healthy, char **ret_next, struct error **err)
{
	cleanup_http struct http_response response = { 0 };
	struct error *error = NULL;
	int r;
	struct http_request request = {
		.method = "GET",
		.url = url,
		.body_fd = -1,
		.connect_ms = limit_ms < CONNECT_MS ? limit_ms : CONNECT_MS,
		.total_ms = limit_ms,
		.body_max = PROBE_BODY_MAX,
	};

	if (http_do(probe->loop, &request, &response, &error) < 0) {
		if (error->cls != ERROR_HEALTH)
			return error_move(err, &error);
		add_silence(probe, error->message);
		error_free(error);
		return 0;
	}
	r = probe_http_take(probe, origin, &response, ret_healthy, ret_next, err);
	buf_reset(&probe->wrong);
	if (probe->why.len > 0)
		buf_str(&probe->wrong, probe->why.data);
	return r;
}

int probe_http(struct probe *probe, uint64_t limit_ms, bool *ret_healthy, struct error **err)
{
	uint64_t deadline = loop_now_ms() + limit_ms;
	bool six = strchr(probe->host, ':') != NULL;
	cleanup_free char *origin =
		mem_printf("http://%s%s%s:%u", six ? "[" : "", probe->host, six ? "]" : "", probe->port);
	cleanup_free char *url = mem_printf("%s%s", origin, probe->http->path.s);

	buf_reset(&probe->why);
	*ret_healthy = false;
	for (int i = 0; i <= PROBE_REDIRECTS; i++) {
		uint64_t now = loop_now_ms();
		cleanup_free char *next = NULL;
		int r = probe_http_ask(probe, origin, url, now < deadline ? deadline - now : 1, ret_healthy, &next, err);

		if (r <= 0)
			return r;
		mem_cleanup(&url);
		url = steal_ptr(next);
	}
	buf_printf(&probe->why, "more than %d redirects", PROBE_REDIRECTS);
	return 0;
}
