#include "config.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/error.h"
#include "base/json.h"
#include "base/mem.h"
#include "base/text.h"
#include "engine/io/loop.h"
#include "engine/io/net.h"
#include "engine/registry/endpoint.h"
#include "engine/registry/transport.h"
#include "engine/registry/url.h"

#define CONNECT_MS 10000
#define REACH_MS 3000       /* to connect, when what is asked for is here as well, ... */
#define REACH_TOTAL_MS 6000 /* ... and to answer */
#define SLOWEST 16384       /* bytes per second: the minimum that the time limit of a body allows for */
#define FINISH_MS 300000    /* of silence after the last byte of an upload */
#define REDIRECTS_MAX 5
#define LOGINS_MAX 2 /* retries after a 401: one to log in, one for an expired token */
#define HEADERS_MAX 16
#define TRIES_MAX 6
#define PAUSE_MS 200
#define PAUSE_MAX_MS 8000
#define MESSAGE_MAX 300 /* bytes of a registry's message that are shown */

/* ---- what a registry says ---- */

/* Trying again may help. 501 and 505 mean that it will not. */
static bool transport_busy(const struct http_response *response)
{
	return response->status == 429 || response->status == 408 ||
	       (response->status >= 500 && response->status != 501 && response->status != 505);
}

static struct json *first_error(const struct http_response *response)
{
	struct json *answer = NULL;

	if (!response->body || json_parse(response->body->data, response->body->len, "answer", &answer, NULL) < 0)
		return NULL;
	return answer;
}

char *transport_code(const struct http_response *response)
{
	cleanup_json struct json *answer = first_error(response);
	const char *code = json_str(json_at(json_get(answer, "errors"), 0), "code");

	return code ? mem_strdup(code) : NULL;
}

static void add_said(const struct http_response *response, struct buf *out)
{
	cleanup_json struct json *answer = first_error(response);
	const struct json *error = json_at(json_get(answer, "errors"), 0);
	const char *parts[] = { json_str(error, "code"), json_str(error, "message") };
	bool any = false;

	for (size_t i = 0; i < 2; i++) {
		if (!parts[i] || !*parts[i])
			continue;
		buf_str(out, any ? ": " : " (");
		text_safe(out, parts[i], strnlen(parts[i], MESSAGE_MAX));
		any = true;
	}
	buf_str(out, any ? ")" : "");
}

int transport_refuse(struct endpoint *endpoint, const struct auth_want *want, const struct http_response *response,
		     const char *what, struct error **err)
{
	cleanup_buf struct buf said = { 0 };
	struct error *error = NULL;

	buf_str(&said, "");
	add_said(response, &said);
	error_make(&error, ERROR_REGISTRY, "%s: %s: status %ld%s", endpoint->domain, what, response->status, said.data);
	error->transient = transport_busy(response);
	if (response->status == 401 || response->status == 403)
		auth_remedy(endpoint, want, &error);
	return error_move(err, &error);
}

/* ---- trying again ---- */

/* Names the setting that bounds how long we wait, with a value that would do. */
static void allow_longer(const struct endpoint *endpoint, uint64_t ms, struct error **error)
{
	error_remedy(error, "allow more time than %llu s in the manifest: registries: {\"%s\": {timeout: %llus}}",
		     (unsigned long long)endpoint->timeout_ms / 1000, endpoint->domain,
		     (unsigned long long)(ms + 999) / 1000);
}

int retry_pause(struct retry *retry, struct endpoint *endpoint, struct error **error, struct error **err)
{
	uint64_t pause = PAUSE_MS;

	for (unsigned i = 0; i < retry->attempts && pause < PAUSE_MAX_MS; i++)
		pause *= 2;
	if (retry->asked_ms > 0)
		pause = retry->asked_ms;
	if ((*error)->transient && retry->asked_ms > endpoint->timeout_ms - retry->paused_ms)
		allow_longer(endpoint, retry->paused_ms + retry->asked_ms, error);
	retry->asked_ms = 0;
	if (!(*error)->transient || (net_offline() && !url_loopback(endpoint_origin(endpoint))) ||
	    ++retry->attempts >= TRIES_MAX || retry->paused_ms + pause > endpoint->timeout_ms)
		return error_move(err, error);
	retry->paused_ms += pause;
	error_free(steal_ptr(*error));
	return loop_pause(endpoint->loop, pause, err);
}

/* A date as HTTP writes it (RFC 9110, section 5.6.7); 0: it is none, or over. */
static uint64_t until_date(const char *value)
{
	struct tm date = { 0 };
	const char *end = strptime(value, "%a, %d %b %Y %H:%M:%S GMT", &date);
	time_t at = end && *end == '\0' ? timegm(&date) : 0, now = time(NULL);

	return at > now ? (uint64_t)(at - now) * 1000 : 0;
}

/* What Retry-After asks for, in seconds or until a date; 0: nothing that can be understood. */
static uint64_t asked_pause(const struct http_response *response)
{
	cleanup_free char *value = http_header(response, "Retry-After", 0);
	size_t len = value ? strlen(value) : 0;

	if (len == 0)
		return 0;
	if (strspn(value, "0123456789") != len)
		return until_date(value);
	return len > 6 ? 0 : strtoull(value, NULL, 10) * 1000;
}

/* ---- one try ---- */

struct attempt {
	struct endpoint *endpoint;
	const struct exchange *exchange;
	char *url;
	bool own; /* url is on the registry's own origin */
	struct buf login;
	off_t start;  /* of body_fd */
	int64_t told; /* bytes of it that `sent` was told of */
};

static void attempt_cleanup(struct attempt *attempt)
{
	free(attempt->url);
	buf_free(&attempt->login);
}

static void note_sent(void *data, int64_t bytes)
{
	struct attempt *attempt = data;

	attempt->told += bytes;
	attempt->exchange->sent(attempt->exchange->sent_data, bytes);
}

/* The body is sent from its beginning, maybe not for the first time. */
static int begin_body(struct attempt *attempt, struct error **err)
{
	if (attempt->exchange->body_fd >= 0 && lseek(attempt->exchange->body_fd, attempt->start, SEEK_SET) < 0)
		return error_make(err, ERROR_STATE, "a file that is being sent cannot be read twice");
	if (attempt->told > 0)
		note_sent(attempt, -attempt->told);
	if (attempt->exchange->begin)
		attempt->exchange->begin(attempt->exchange->take_data);
	return 0;
}

static int send_once(struct attempt *attempt, struct http_response *ret, struct error **err)
{
	const struct endpoint *endpoint = attempt->endpoint;
	const struct exchange *exchange = attempt->exchange;
	const uint64_t finish_ms = !exchange->finishes                ? 0
				   : endpoint->timeout_ms > FINISH_MS ? endpoint->timeout_ms
								      : FINISH_MS;
	const char *headers[HEADERS_MAX + 2] = { 0 };
	const struct http_request request = {
		.method = exchange->method,
		.url = attempt->url,
		.headers = headers,
		.body = exchange->body,
		.body_len = exchange->body_len,
		.body_fd = exchange->body_fd,
		.body_fd_len = exchange->body_fd_len,
		.sent = exchange->sent ? note_sent : NULL,
		.sent_data = attempt,
		.connect_ms = CONNECT_MS < endpoint->timeout_ms ? CONNECT_MS : endpoint->timeout_ms,
		.total_ms = endpoint->timeout_ms * 2 + finish_ms + exchange->bytes * 1000 / SLOWEST,
		.stall_ms = finish_ms && exchange->body_fd < 0 ? finish_ms : endpoint->timeout_ms,
		.finish_ms = finish_ms,
		.body_max = exchange->body_max ? exchange->body_max : ERROR_ANSWER_MAX,
		.take = exchange->take,
		.take_data = exchange->take_data,
		.pool = endpoint->pool,
		.tls = attempt->own ? &endpoint->tls : &endpoint->foreign,
		.proxy = !url_loopback(attempt->url),
		.http2 = !atomic_load(&endpoint->http1),
	};
	size_t len = 0;

	for (const char *const *h = exchange->headers; h && *h && len < HEADERS_MAX; h++)
		headers[len++] = *h;
	for (char **h = endpoint->headers; attempt->own && *h && len < HEADERS_MAX; h++)
		headers[len++] = *h;
	buf_reset(&attempt->login);
	if (attempt->own)
		auth_header(attempt->endpoint, &exchange->want, &attempt->login);
	if (attempt->login.len > 0)
		headers[len++] = attempt->login.data;
	if (begin_body(attempt, err) < 0)
		return -1;
	return http_do(endpoint->loop, &request, ret, err);
}

static int set_url(struct attempt *attempt, char *url)
{
	cleanup_free char *origin = url ? url_origin(url) : NULL;

	free(attempt->url);
	attempt->url = url;
	attempt->own = origin && strcmp(origin, endpoint_origin(attempt->endpoint)) == 0;
	return origin ? 0 : -1;
}

static int start_url(struct attempt *attempt, struct error **err)
{
	const struct exchange *exchange = attempt->exchange;
	char *url = exchange->path ? mem_printf("%s%s", endpoint_origin(attempt->endpoint), exchange->path)
				   : mem_strdup(exchange->url);

	if (set_url(attempt, url) < 0)
		return error_make(err, ERROR_REGISTRY, "%s: malformed URL", attempt->endpoint->domain);
	return 0;
}

/* Turns a connection error into one of this registry. If a token server failed, the message already names the host. */
static int connection_failed(struct attempt *attempt, struct error *error, struct error **err)
{
	cleanup_free char *origin = url_origin(attempt->url);
	struct error *renamed = NULL;

	if (error->cls == ERROR_CANCELLED || error->cls == ERROR_TOOL || error->cls == ERROR_STATE)
		return error_move(err, &error);
	if (strcmp(origin, endpoint_origin(attempt->endpoint)) == 0)
		error_make(&renamed, ERROR_REGISTRY, "%s: %s", attempt->endpoint->domain, error->message);
	else
		error_make(&renamed, ERROR_REGISTRY, "%s, at %s: %s", attempt->endpoint->domain, origin, error->message);
	renamed->transient = error->transient;
	if (strstr(error->message, "certificate"))
		error_remedy(&renamed, "name its certificate authority in the manifest: registries: {\"%s\": {ca: FILE}}",
			     attempt->endpoint->domain);
	if (strstr(error->message, "in time"))
		allow_longer(attempt->endpoint, attempt->endpoint->timeout_ms * 2, &renamed);
	error_free(error);
	return error_move(err, &renamed);
}

static bool transport_is_redirect(const struct attempt *attempt, const struct http_response *response)
{
	bool safe = strcmp(attempt->exchange->method, "GET") == 0 || strcmp(attempt->exchange->method, "HEAD") == 0;
	bool kept = response->status == 307 || response->status == 308;

	return response->location && (kept || (safe && response->status >= 301 && response->status <= 303));
}

/* Whether a redirect from one URL to another may be followed. */
static int check_way(const struct endpoint *endpoint, const char *from, const char *to, struct error **err)
{
	bool was_tls = strncmp(from, "https://", 8) == 0;
	cleanup_free char *origin = to ? url_origin(to) : NULL;

	if (!origin)
		return error_make(err, ERROR_REGISTRY, "%s redirects to an invalid URL", endpoint->domain);
	if (was_tls && strncmp(origin, "https://", 8) != 0)
		return error_make(err, ERROR_REGISTRY, "%s redirects from TLS to plain HTTP (%s)", endpoint->domain,
				  origin);
	if (url_loopback(origin) && !endpoint->loopback)
		return error_make(err, ERROR_REGISTRY, "%s redirects to this machine (%s)", endpoint->domain, origin);
	return 0;
}

static int transport_follow(struct attempt *attempt, const struct http_response *response, struct error **err)
{
	if (check_way(attempt->endpoint, attempt->url, response->location, err) < 0)
		return -1;
	set_url(attempt, mem_strdup(response->location));
	return 0;
}

int transport_location(struct endpoint *endpoint, const char *url, const struct http_response *response, char **ret,
		       struct error **err)
{
	cleanup_free char *location = http_header(response, "Location", 0);
	cleanup_free char *whole = location ? url_resolve(url, location) : NULL;

	if (check_way(endpoint, url, whole, err) < 0)
		return -1;
	*ret = steal_ptr(whole);
	return 0;
}

/* On this machine a registry may speak TLS or plain HTTP: after a failure, try the other one. */
static bool other_scheme(struct attempt *attempt, const struct http_response *response, bool tls)
{
	if (!attempt->own || !attempt->exchange->path)
		return false;
	return tls ? response->not_tls && endpoint_go_plain(attempt->endpoint) : endpoint_try_tls(attempt->endpoint);
}

/* Handles logins and redirects; any other answer is returned. */
static int transport_send_whole(struct attempt *attempt, struct http_response *ret, struct error **err)
{
	unsigned logins = 0, redirects = 0;

	for (;;) {
		struct error *error = NULL;
		bool tls = strncmp(attempt->url, "https://", 8) == 0;
		int r = 0;

		if (send_once(attempt, ret, &error) < 0) {
			if (ret->not_http2)
				atomic_store(&attempt->endpoint->http1, true);
			if (!other_scheme(attempt, ret, tls))
				return connection_failed(attempt, error, err);
			error_free(error);
			r = start_url(attempt, err);
		} else if (ret->status == 400 && !tls && other_scheme(attempt, ret, tls)) {
			r = start_url(attempt, err); /* what TLS servers answer to plain HTTP */
		} else if (ret->status == 401 && attempt->own && logins++ < LOGINS_MAX) {
			r = auth_answer(attempt->endpoint, &attempt->exchange->want, ret,
					attempt->login.data ? attempt->login.data : "", err);
		} else if (transport_is_redirect(attempt, ret)) {
			if (redirects++ == REDIRECTS_MAX)
				r = error_make(err, ERROR_REGISTRY, "%s redirects in a loop", attempt->endpoint->domain);
			else
				r = transport_follow(attempt, ret, err);
		} else {
			atomic_store(&attempt->endpoint->settled, true);
			return 0;
		}
		http_response_free(ret);
		if (r < 0)
			return -1;
	}
}

int transport_do(struct endpoint *endpoint, const struct exchange *exchange, struct http_response *ret, struct error **err)
{
	__attribute__((cleanup(attempt_cleanup))) struct attempt attempt = { .endpoint = endpoint, .exchange = exchange };
	struct retry retry = { 0 };

	attempt.start = exchange->body_fd >= 0 ? lseek(exchange->body_fd, 0, SEEK_CUR) : 0;
	for (;;) {
		struct error *error = NULL;

		if (start_url(&attempt, err) < 0)
			return -1;
		if (transport_send_whole(&attempt, ret, &error) == 0) {
			if (!transport_busy(ret) && ret->status != 401) {
				if (exchange->ret_url)
					*exchange->ret_url = steal_ptr(attempt.url);
				return 0;
			}
			retry.asked_ms = asked_pause(ret);
			transport_refuse(endpoint, &exchange->want, ret, exchange->method, &error);
			http_response_free(ret);
		}
		if (exchange->once) {
			*exchange->once = retry.asked_ms;
			return error_move(err, &error);
		}
		if (retry_pause(&retry, endpoint, &error, err) < 0)
			return -1;
	}
}

static void transport_try_reach(struct endpoint *endpoint)
{
	cleanup_free char *url = mem_printf("%s/v2/", endpoint_origin(endpoint));
	struct attempt attempt = { .endpoint = endpoint, .url = url };
	struct http_response response = { 0 };
	struct error *error = NULL;
	const struct http_request request = {
		.method = "GET",
		.url = url,
		.body_fd = -1,
		.connect_ms = REACH_MS,
		.total_ms = REACH_TOTAL_MS,
		.body_max = ERROR_ANSWER_MAX,
		.pool = endpoint->pool,
		.tls = &endpoint->tls,
		.proxy = !url_loopback(url),
		.http2 = true,
	};

	if (http_do(endpoint->loop, &request, &response, &error) < 0 && error->transient)
		connection_failed(&attempt, error, &endpoint->unreached);
	else
		error_free(error); /* it speaks, however it is to be spoken to */
	http_response_free(&response);
}

int transport_reach(struct endpoint *endpoint, struct error **err)
{
	int r;

	pthread_mutex_lock(&endpoint->reach_lock);
	if (!endpoint->reach_asked && !atomic_load(&endpoint->settled))
		transport_try_reach(endpoint);
	endpoint->reach_asked = true;
	r = endpoint->unreached ? error_copy(err, endpoint->unreached) : 0;
	pthread_mutex_unlock(&endpoint->reach_lock);
	return r;
}
