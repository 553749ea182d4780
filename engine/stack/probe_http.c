#include "config.h"

#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/error.h"
#include "base/fs.h"
#include "base/mem.h"
#include "base/text.h"
#include "dsl/manifest.h"
#include "engine/io/http.h"
#include "engine/io/loop.h"
#include "engine/io/proc.h"
#include "engine/stack/probe.h"

#define AUTHORITIES_MAX (4u << 20) /* bytes of `ca` */
#define CONNECT_MS 2000            /* a container on this machine answers at once or never */

static void probe_http_keep(struct probe *probe, const struct http_response *response)
{
	buf_reset(&probe->answer);
	buf_add(&probe->answer, response->body->data, response->body->len);
	probe->status = response->status;
}

static unsigned redirects_of(const struct probe *probe)
{
	return probe->http->has_redirects ? probe->http->redirects : PROBE_REDIRECTS;
}

static bool probe_http_is_redirect(const struct http_response *response)
{
	return response->status >= 300 && response->status <= 399 && response->location;
}

/* Where the check asks, and as what. */
struct origin {
	char *url;    /* "http://10.88.0.5:8000" */
	char *named;  /* the same with the host as the check writes it, or NULL */
	char *header; /* "Host: example.test", or NULL: the URL's */
	const char *host;
};

static void origin_free(struct origin *origin)
{
	free(origin->url);
	free(origin->named);
	free(origin->header);
}
#define cleanup_origin __attribute__((cleanup(origin_free)))

/* A certificate is for a name, by default the service's. */
static void origin_fill(const struct probe *probe, struct origin *ret)
{
	const struct http_check *check = probe->http;
	const char *scheme = check->https ? "https" : "http";
	const char *name = check->host.s ? check->host.s : check->https && probe->name ? probe->name : NULL;
	const char *host = name ? name : probe->host, *colon = strrchr(host, ':');
	bool six = strchr(host, ':') != colon, bracket = six && *host != '[';
	/* Without the port that a Host header may have. */
	size_t len = name && colon && (!six || colon[-1] == ']') ? (size_t)(colon - host) : strlen(host);

	ret->url = mem_printf("%s://%s%.*s%s:%u", scheme, bracket ? "[" : "", (int)len, host, bracket ? "]" : "",
			      probe->port);
	ret->named = check->host.s ? mem_printf("%s://%s", scheme, check->host.s) : NULL;
	ret->header = check->host.s ? mem_printf("Host: %s", check->host.s) : NULL;
	ret->host = check->host.s ? check->host.s : strstr(ret->url, "://") + strlen("://");
}

/* What follows the origin in a redirect to the service itself; NULL: it is to another one. */
static const char *redirect_rest(const struct origin *origin, const char *location)
{
	if (probe_same_origin(origin->url, location))
		return location + strlen(origin->url);
	return origin->named && probe_same_origin(origin->named, location) ? location + strlen(origin->named) : NULL;
}

/* Servers refuse hosts that they do not know with 400, 403, or 421. */
static void add_host(struct probe *probe, const struct origin *origin, long status)
{
	if (status == 400 || status == 403 || status == 421)
		buf_printf(&probe->why, " (it was asked as the host %s%s)", origin->host,
			   probe->http->host.s ? "" : "; `host` sets another");
}

/* Judges one answer. 1: a redirect to *ret_next (malloc'd) on the same origin. */
static int probe_http_take(struct probe *probe, const struct origin *origin, const struct http_response *response,
			   bool *ret_healthy, char **ret_next, struct error **err)
{
	const char *rest;

	probe_http_keep(probe, response);
	if (probe_judge(probe->http, probe->pattern, response, ret_healthy, &probe->why, err) < 0)
		return -1;
	if (*ret_healthy)
		return 0;
	if (!probe_http_is_redirect(response) || response->status == probe->http->status || redirects_of(probe) == 0) {
		add_host(probe, origin, response->status);
		return 0;
	}
	buf_reset(&probe->why);
	rest = redirect_rest(origin, response->location);
	if (!rest) {
		buf_printf(&probe->why,
			   "status %ld, a redirect to another host, which is not followed: ", response->status);
		text_safe(&probe->why, response->location, strlen(response->location));
		return 0;
	}
	*ret_next = mem_printf("%s%s", origin->url, rest);
	return 1;
}

/* No answer this time: an earlier one says more. */
static void add_silence(struct probe *probe, const char *message)
{
	if (probe->wrong.len > 0)
		buf_printf(&probe->why, "%s; then: ", probe->wrong.data);
	buf_str(&probe->why, message);
}

int probe_authorities(const struct text *ca, struct buf *ret, struct error **err)
{
	return ca->s ? fs_read(ca->s, AUTHORITIES_MAX, ret, err) : 0;
}

static void probe_http_headers(const struct http_check *check, const struct origin *origin, struct argv *ret)
{
	if (origin->header)
		argv_add(ret, origin->header);
	for (size_t i = 0; i < check->headers.len; i++)
		argv_addf(ret, "%s: %s", check->headers.items[i].key.s, check->headers.items[i].value.s);
}

static int probe_http_ask(struct probe *probe, const struct origin *origin, const char *url, uint64_t limit_ms,
			  bool *ret_healthy, char **ret_next, struct error **err)
{
	const struct http_check *check = probe->http;
	cleanup_argv struct argv headers = { 0 };
	cleanup_http struct http_response response = { 0 };
	cleanup_buf struct buf authorities = { 0 };
	const struct http_tls tls = { .authorities = &authorities, .unverified = check->insecure };
	struct error *error = NULL;
	int r;
	struct http_request request = {
		.method = check->method.s ? check->method.s : "GET",
		.url = url,
		.address = probe->host,
		.netns = probe->inside ? &probe->netns : NULL,
		.body = check->send.s,
		.body_len = check->send.s ? strlen(check->send.s) : 0,
		.body_fd = -1,
		.tls = &tls,
		.connect_ms = limit_ms < CONNECT_MS ? limit_ms : CONNECT_MS,
		.total_ms = limit_ms,
		.body_max = PROBE_BODY_MAX,
		.stop = probe->stop,
	};

	probe_http_headers(check, origin, &headers);
	request.headers = (const char *const *)headers.items;
	if (probe_authorities(&check->ca, &authorities, err) < 0)
		return -1;
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
	cleanup_origin struct origin origin = { 0 };
	cleanup_free char *url = NULL;

	origin_fill(probe, &origin);
	url = mem_printf("%s%s", origin.url, probe->http->path.s);
	buf_reset(&probe->why);
	*ret_healthy = false;
	for (unsigned i = 0; i <= redirects_of(probe); i++) {
		uint64_t now = loop_now_ms();
		cleanup_free char *next = NULL;
		int r = probe_http_ask(probe, &origin, url, now < deadline ? deadline - now : 1, ret_healthy, &next, err);

		if (r <= 0)
			return r;
		mem_cleanup(&url);
		url = steal_ptr(next);
	}
	buf_printf(&probe->why, "more than %u redirects", redirects_of(probe));
	return 0;
}
