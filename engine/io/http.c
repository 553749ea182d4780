#include "config.h"

#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

/* The functions are called through a table: curl's checking macros would name them directly. */
#define CURL_DISABLE_TYPECHECK
#include <curl/curl.h>

#include "base/authorities.h"
#include "base/buf.h"
#include "base/error.h"
#include "base/mem.h"
#include "base/module.h"
#include "base/debug_trace.h"
#include "engine/io/http.h"
#include "engine/io/io_trace.h"
#include "engine/io/loop.h"
#include "engine/io/netns.h"

#define WAIT_MS 50                 /* how long a cancel may go unnoticed */
#define LOCATION_MAX 8192          /* bytes of a redirect's target; a longer one is ignored */
#define HEADERS_MAX (256L * 1024)  /* bytes of an answer's headers */
#define STALL_BYTES 512L           /* per second: anything less counts as stalled */
#define UPLOAD_PIECE (512L * 1024) /* bytes read from a file at a time */
#define DOWNLOAD_PIECE (256L * 1024)
#define POOL_MAX 64 /* connections kept; more are closed */

#define FUNCTIONS(X)                \
	X(curl_easy_cleanup)        \
	X(curl_easy_getinfo)        \
	X(curl_easy_init)           \
	X(curl_easy_setopt)         \
	X(curl_easy_strerror)       \
	X(curl_global_init)         \
	X(curl_multi_add_handle)    \
	X(curl_multi_cleanup)       \
	X(curl_multi_info_read)     \
	X(curl_multi_init)          \
	X(curl_multi_perform)       \
	X(curl_multi_poll)          \
	X(curl_multi_remove_handle) \
	X(curl_slist_append)        \
	X(curl_slist_free_all)

#define MODULE lib
static struct {
	MODULE_STATE(FUNCTIONS)
} lib = MODULE_INIT;

struct transfer {
	const struct http_request *request;
	struct http_response *response;
	CURL *easy;
	struct curl_slist *headers, *address;
	char why[CURL_ERROR_SIZE];
	uint64_t taken;      /* bytes of the body, where it is taken as it comes */
	size_t header_bytes; /* in headers that came before the final answer */
	off_t body_start;    /* where body_fd started, to send it again */
	uint64_t body_left;
	CURLcode set; /* the first option that curl refused */
};

/* A multi handle owns the connections that were made in it; an idle one keeps some for reuse. */
struct http_pool {
	pthread_mutex_t lock;
	CURLM *resting[POOL_MAX];
	size_t len;
};

static void http_load(void)
{
	static const struct module_symbol symbols[] = { MODULE_SYMBOLS(FUNCTIONS) };

	if (module_open(CBUILD_LIBCURL, symbols, &lib.error) < 0)
		return;
	if (lib.curl_global_init(CURL_GLOBAL_DEFAULT) != CURLE_OK)
		error_make(&lib.error, ERROR_TOOL, "%s cannot be initialised", CBUILD_LIBCURL);
}

static bool is_too_long(const struct transfer *transfer)
{
	return transfer->request->take_max > 0 && transfer->taken > transfer->request->take_max;
}

static size_t http_take_part(struct transfer *transfer, const char *data, size_t len)
{
	transfer->taken += len;
	return !is_too_long(transfer) && transfer->request->take(transfer->request->take_data, data, len) == 0 ? len : 0;
}

static size_t take_body(char *data, size_t size, size_t count, void *arg)
{
	struct transfer *transfer = arg;
	struct buf *body = transfer->response->body;
	size_t len = size * count;
	size_t room = transfer->request->body_max - body->len;
	long status = 0;

	if (transfer->request->take) {
		lib.curl_easy_getinfo(transfer->easy, CURLINFO_RESPONSE_CODE, &status);
		if (status == 200 || status == 206)
			return http_take_part(transfer, data, len);
	}
	if (len <= room) {
		buf_add(body, data, len);
		return len;
	}
	buf_add(body, data, room);
	transfer->response->cut = true;
	return 0; /* ends the transfer: the rest may be endless */
}

/* The headers so far belonged to a proxy's answer or a "100 Continue". */
static void start_head(struct transfer *transfer)
{
	transfer->header_bytes += transfer->response->headers->len;
	buf_reset(transfer->response->headers);
}

static size_t take_header(char *data, size_t size, size_t count, void *arg)
{
	struct transfer *transfer = arg;
	struct buf *headers = transfer->response->headers;
	size_t len = size * count;

	if (len >= 5 && memcmp(data, "HTTP/", 5) == 0)
		start_head(transfer);
	if (transfer->header_bytes + headers->len + len > HEADERS_MAX)
		return 0;
	buf_add(headers, data, len);
	return len;
}

#define SET(option, value)                                                            \
	do {                                                                          \
		CURLcode code_ = lib.curl_easy_setopt(transfer->easy, option, value); \
		if (code_ != CURLE_OK && transfer->set == CURLE_OK)                   \
			transfer->set = code_;                                        \
	} while (0)

static void set_stall(struct transfer *transfer, uint64_t ms)
{
	SET(CURLOPT_LOW_SPEED_LIMIT, STALL_BYTES);
	SET(CURLOPT_LOW_SPEED_TIME, (long)((ms + 999) / 1000));
}

static size_t give_body(char *data, size_t size, size_t count, void *arg)
{
	struct transfer *transfer = arg;
	size_t room = size * count;
	ssize_t n;

	if (room > transfer->body_left)
		room = (size_t)transfer->body_left;
	do
		n = read(transfer->request->body_fd, data, room);
	while (n < 0 && errno == EINTR);
	if (n < 0)
		return CURL_READFUNC_ABORT;
	transfer->body_left -= (uint64_t)n;
	if (transfer->body_left == 0 && transfer->request->finish_ms)
		set_stall(transfer, transfer->request->finish_ms);
	if (transfer->request->sent)
		transfer->request->sent(transfer->request->sent_data, n);
	return (size_t)n;
}

static int rewind_body(void *arg, curl_off_t offset, int origin)
{
	struct transfer *transfer = arg;

	if (origin != SEEK_SET || offset < 0 || (uint64_t)offset > transfer->request->body_fd_len ||
	    lseek(transfer->request->body_fd, transfer->body_start + offset, SEEK_SET) < 0)
		return CURL_SEEKFUNC_CANTSEEK;
	if (transfer->request->sent)
		transfer->request->sent(transfer->request->sent_data,
					(int64_t)transfer->body_left + offset - (int64_t)transfer->request->body_fd_len);
	transfer->body_left = transfer->request->body_fd_len - (uint64_t)offset;
	return CURL_SEEKFUNC_OK;
}

static void http_add_line(struct curl_slist **list, const char *line)
{
	struct curl_slist *longer = lib.curl_slist_append(*list, line);

	if (!longer)
		mem_exhausted();
	*list = longer;
}

static void add_header(struct transfer *transfer, const char *line)
{
	http_add_line(&transfer->headers, line);
}

static curl_socket_t open_in_netns(void *arg, curlsocktype purpose, struct curl_sockaddr *address)
{
	const struct transfer *transfer = arg;
	int fd = netns_socket(*transfer->request->netns, address->family, address->socktype, address->protocol);

	(void)purpose;
	return fd < 0 ? CURL_SOCKET_BAD : fd;
}

/* "HOST:PORT:ADDRESS:PORT"; what is left out is any, or the same. */
static void set_address(struct transfer *transfer)
{
	const char *address = transfer->request->address;
	bool six = address && strchr(address, ':');
	cleanup_free char *line = address ? mem_printf("::%s%s%s:", six ? "[" : "", address, six ? "]" : "") : NULL;

	if (transfer->request->netns) {
		SET(CURLOPT_OPENSOCKETFUNCTION, open_in_netns);
		SET(CURLOPT_OPENSOCKETDATA, transfer);
	}
	if (!line)
		return;
	http_add_line(&transfer->address, line);
	SET(CURLOPT_CONNECT_TO, transfer->address);
}

static void set_headers(struct transfer *transfer)
{
	bool typed = false;

	for (const char *const *h = transfer->request->headers; h && *h; h++) {
		typed = typed || strncasecmp(*h, "Content-Type:", 13) == 0;
		add_header(transfer, *h);
	}
	add_header(transfer, "Expect:"); /* do not wait for "100 Continue" */
	if (!typed)
		add_header(transfer, "Content-Type:"); /* not curl's default, a form */
	SET(CURLOPT_HTTPHEADER, transfer->headers);
}

/* Methods whose requests carry a Content-Length even without a body. */
static bool has_body(const struct http_request *request)
{
	return request->body || strcmp(request->method, "POST") == 0 || strcmp(request->method, "PUT") == 0 ||
	       strcmp(request->method, "PATCH") == 0;
}

static void set_body(struct transfer *transfer)
{
	const struct http_request *request = transfer->request;

	if (!request->body && request->body_fd >= 0 && request->body_fd_len > 0) {
		transfer->body_start = lseek(request->body_fd, 0, SEEK_CUR);
		transfer->body_left = request->body_fd_len;
		SET(CURLOPT_UPLOAD, 1L);
		SET(CURLOPT_UPLOAD_BUFFERSIZE, UPLOAD_PIECE);
		SET(CURLOPT_INFILESIZE_LARGE, (curl_off_t)request->body_fd_len);
		SET(CURLOPT_READFUNCTION, give_body);
		SET(CURLOPT_READDATA, transfer);
		SET(CURLOPT_SEEKFUNCTION, rewind_body);
		SET(CURLOPT_SEEKDATA, transfer);
	} else if (has_body(request)) {
		SET(CURLOPT_POST, 1L);
		SET(CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)(request->body ? request->body_len : 0));
		SET(CURLOPT_POSTFIELDS, request->body ? request->body : "");
	}
	if (strcmp(request->method, "HEAD") == 0)
		SET(CURLOPT_NOBODY, 1L);
	else
		SET(CURLOPT_CUSTOMREQUEST, request->method);
}

static void set_limits(struct transfer *transfer)
{
	const struct http_request *request = transfer->request;

#if LIBCURL_VERSION_NUM >= 0x075500
	SET(CURLOPT_PROTOCOLS_STR, "http,https");
#else
	SET(CURLOPT_PROTOCOLS, (long)(CURLPROTO_HTTP | CURLPROTO_HTTPS));
#endif
	SET(CURLOPT_FOLLOWLOCATION, 0L);
	if (!request->proxy) {
		SET(CURLOPT_PROXY, ""); /* ignore the environment */
		SET(CURLOPT_NOPROXY, "*");
	}
	SET(CURLOPT_NETRC, (long)CURL_NETRC_IGNORED);
	SET(CURLOPT_NOSIGNAL, 1L);
	SET(CURLOPT_NOPROGRESS, 1L);
	SET(CURLOPT_CONNECTTIMEOUT_MS, (long)request->connect_ms);
	SET(CURLOPT_TIMEOUT_MS, (long)request->total_ms);
	if (request->stall_ms)
		set_stall(transfer, request->stall_ms);
	if (request->take_max)
		SET(CURLOPT_MAXFILESIZE_LARGE, (curl_off_t)request->take_max);
	if (request->unix_socket)
		SET(CURLOPT_UNIX_SOCKET_PATH, request->unix_socket);
}

static void set_tls(struct transfer *transfer)
{
	const struct http_tls *tls = transfer->request->tls;
	const char *shared = authorities_file();

	if (tls && tls->authorities && tls->authorities->len > 0) {
		struct curl_blob pem = { tls->authorities->data, tls->authorities->len, CURL_BLOB_NOCOPY };

		SET(CURLOPT_CAINFO_BLOB, &pem);
	} else if (shared) {
		SET(CURLOPT_CAINFO, shared);
	}
	if (tls && tls->unverified) {
		SET(CURLOPT_SSL_VERIFYPEER, 0L);
		SET(CURLOPT_SSL_VERIFYHOST, 0L);
	}
	if (tls && tls->cert)
		SET(CURLOPT_SSLCERT, tls->cert);
	if (tls && tls->key)
		SET(CURLOPT_SSLKEY, tls->key);
}

static int set_up(struct transfer *transfer, struct error **err)
{
	transfer->easy = lib.curl_easy_init();
	if (!transfer->easy)
		mem_exhausted();
	SET(CURLOPT_ERRORBUFFER, transfer->why);
	SET(CURLOPT_URL, transfer->request->url);
	SET(CURLOPT_USERAGENT, "cbuild");
	SET(CURLOPT_HTTP_VERSION, transfer->request->h2c     ? (long)CURL_HTTP_VERSION_2_PRIOR_KNOWLEDGE
				  : transfer->request->http2 ? (long)CURL_HTTP_VERSION_2TLS
							     : (long)CURL_HTTP_VERSION_1_1);
	SET(CURLOPT_BUFFERSIZE, DOWNLOAD_PIECE);
	SET(CURLOPT_WRITEFUNCTION, take_body);
	SET(CURLOPT_WRITEDATA, transfer);
	SET(CURLOPT_HEADERFUNCTION, take_header);
	SET(CURLOPT_HEADERDATA, transfer);
	set_limits(transfer);
	set_address(transfer);
	set_tls(transfer);
	set_headers(transfer);
	set_body(transfer);
	if (transfer->set != CURLE_OK)
		return error_make(err, ERROR_TOOL, "%s refuses an option: %s", CBUILD_LIBCURL,
				  lib.curl_easy_strerror(transfer->set));
	return 0;
}

static void tear_down(struct transfer *transfer)
{
	lib.curl_easy_cleanup(transfer->easy);
	lib.curl_slist_free_all(transfer->headers);
	lib.curl_slist_free_all(transfer->address);
}

struct http_pool *http_pool_new(void)
{
	struct http_pool *pool = mem_alloc(sizeof(*pool));

	pthread_mutex_init(&pool->lock, NULL);
	return pool;
}

void http_pool_free(struct http_pool *pool)
{
	if (!pool)
		return;
	for (size_t i = 0; i < pool->len; i++)
		lib.curl_multi_cleanup(pool->resting[i]);
	pthread_mutex_destroy(&pool->lock);
	free(pool);
}

static CURLM *take_multi(struct http_pool *pool)
{
	CURLM *multi = NULL;

	if (pool) {
		pthread_mutex_lock(&pool->lock);
		if (pool->len > 0)
			multi = pool->resting[--pool->len];
		pthread_mutex_unlock(&pool->lock);
	}
	if (!multi)
		multi = lib.curl_multi_init();
	if (!multi)
		mem_exhausted();
	return multi;
}

static void leave_multi(struct http_pool *pool, CURLM *multi)
{
	if (pool) {
		pthread_mutex_lock(&pool->lock);
		if (pool->len < POOL_MAX) {
			pool->resting[pool->len++] = multi;
			multi = NULL;
		}
		pthread_mutex_unlock(&pool->lock);
	}
	if (multi)
		lib.curl_multi_cleanup(multi);
}

/* Runs the transfer. Uses a multi handle because waiting in it can be interrupted. */
static int drive(struct loop *loop, struct transfer *transfer, CURLcode *ret, struct error **err)
{
	CURLM *multi = take_multi(transfer->request->pool);
	int running = 1, queued, r = 0;
	CURLMsg *message;

	if (lib.curl_multi_add_handle(multi, transfer->easy) != CURLM_OK)
		mem_exhausted();
	*ret = CURLE_OK;
	while (running > 0) {
		CURLMcode code = CURLM_OK;

		if ((!transfer->request->cleanup && loop_cancelled(loop)) ||
		    (transfer->request->stop && atomic_load(transfer->request->stop))) {
			r = error_make(err, ERROR_CANCELLED, "interrupted");
			break;
		}
		code = lib.curl_multi_perform(multi, &running);
		if (code == CURLM_OK && running > 0)
			code = lib.curl_multi_poll(multi, NULL, 0, WAIT_MS, NULL);
		if (code != CURLM_OK) {
			r = error_make(err, ERROR_TOOL, "%s fails with status %d", CBUILD_LIBCURL, (int)code);
			break;
		}
	}
	while ((message = lib.curl_multi_info_read(multi, &queued)) != NULL) {
		if (message->msg == CURLMSG_DONE)
			*ret = message->data.result;
	}
	lib.curl_multi_remove_handle(multi, transfer->easy);
	leave_multi(transfer->request->pool, multi);
	return r;
}

static bool http_may_pass(CURLcode code)
{
	switch (code) {
	case CURLE_COULDNT_RESOLVE_HOST:
	case CURLE_COULDNT_CONNECT:
	case CURLE_OPERATION_TIMEDOUT:
	case CURLE_GOT_NOTHING:
	case CURLE_RECV_ERROR:
	case CURLE_SEND_ERROR:
	case CURLE_PARTIAL_FILE:
	case CURLE_SEND_FAIL_REWIND:
	case CURLE_HTTP2:
	case CURLE_HTTP2_STREAM:
		return true;
	default:
		return false;
	}
}

static const char *errno_sentence(long number)
{
	switch (number) {
	case ECONNREFUSED:
		return "connection refused";
	case ECONNRESET:
	case EPIPE:
		return "connection reset";
	case EHOSTUNREACH:
		return "no route to the host";
	case ENETUNREACH:
		return "network unreachable";
	case ENOENT:
		return "no such socket";
	case EACCES:
	case EPERM:
		return "permission denied";
	default:
		return NULL;
	}
}

/* Turns curl's error into a short sentence. */
static int http_fail(struct transfer *transfer, CURLcode code, struct error **err)
{
	struct error *error = NULL;
	const char *sentence;
	long os = 0;

	lib.curl_easy_getinfo(transfer->easy, CURLINFO_OS_ERRNO, &os);
	sentence = http_may_pass(code) ? errno_sentence(os) : NULL;
	if (code == CURLE_FILESIZE_EXCEEDED || is_too_long(transfer)) {
		error_make(&error, ERROR_HEALTH, "the answer has more than %llu bytes",
			   (unsigned long long)transfer->request->take_max);
	} else if (code == CURLE_OPERATION_TIMEDOUT) {
		error_make(&error, ERROR_HEALTH,
			   transfer->response->status > 0 ? "the answer took too long" : "no answer in time");
	} else if (code == CURLE_GOT_NOTHING) {
		error_make(&error, ERROR_HEALTH, "the connection was closed without an answer");
	} else if (sentence) {
		error_make(&error, ERROR_HEALTH, "%s", sentence);
	} else {
		error_make(&error, ERROR_HEALTH, "%s", transfer->why[0] ? transfer->why : lib.curl_easy_strerror(code));
	}
	error->transient = http_may_pass(code);
	return error_move(err, &error);
}

static void take_facts(struct transfer *transfer)
{
	char *location = NULL;

	lib.curl_easy_getinfo(transfer->easy, CURLINFO_RESPONSE_CODE, &transfer->response->status);
	lib.curl_easy_getinfo(transfer->easy, CURLINFO_REDIRECT_URL, &location);
	if (location && strlen(location) <= LOCATION_MAX)
		transfer->response->location = mem_strdup(location);
}

static void trace_transfer(const struct transfer *transfer, int64_t begun, const struct error *why)
{
	curl_off_t sent = 0, received = 0;

	lib.curl_easy_getinfo(transfer->easy, CURLINFO_SIZE_UPLOAD_T, &sent);
	lib.curl_easy_getinfo(transfer->easy, CURLINFO_SIZE_DOWNLOAD_T, &received);
	request_trace(&(struct request_facts){
		.method = transfer->request->method,
		.url = transfer->request->url,
		.socket = transfer->request->unix_socket,
		.begun = begun,
		.status = transfer->response->status,
		.sent = sent,
		.received = received,
		.why = why,
	});
}

int http_do(struct loop *loop, const struct http_request *request, struct http_response *ret, struct error **err)
{
	struct transfer transfer = { .request = request, .response = ret };
	int64_t begun = trace_on() ? trace_now() : 0;
	struct error *error = NULL;
	CURLcode code = CURLE_OK;
	int r;

	*ret = (struct http_response){ 0 };
	pthread_once(&lib.once, http_load);
	if (lib.error)
		return error_copy(err, lib.error);
	ret->body = mem_alloc(sizeof(*ret->body));
	ret->headers = mem_alloc(sizeof(*ret->headers));
	buf_add(ret->body, "", 0);
	r = set_up(&transfer, &error);
	if (r == 0)
		r = drive(loop, &transfer, &code, &error);
	if (r == 0) {
		take_facts(&transfer);
		if (code != CURLE_OK && !(code == CURLE_WRITE_ERROR && ret->cut))
			r = http_fail(&transfer, code, &error);
	}
	if (trace_on())
		trace_transfer(&transfer, begun, error);
	tear_down(&transfer);
	if (r < 0) {
		error_move(err, &error);
		http_response_free(ret);
		ret->not_tls = code == CURLE_SSL_CONNECT_ERROR;
		ret->not_http2 = code == CURLE_HTTP2 || code == CURLE_HTTP2_STREAM;
	}
	return r;
}

char *http_header(const struct http_response *response, const char *name, size_t nth)
{
	size_t len = strlen(name);

	for (const char *line = response->headers ? response->headers->data : NULL; line && *line;) {
		const char *end = line + strcspn(line, "\n");

		if (strncasecmp(line, name, len) == 0 && line[len] == ':' && nth-- == 0) {
			const char *value = line + len + 1 + strspn(line + len + 1, " \t");

			while (end > value && strchr(" \t\r", end[-1]))
				end--;
			return mem_strndup(value, (size_t)(end - value));
		}
		line = *end ? end + 1 : end;
	}
	return NULL;
}

void http_response_free(struct http_response *response)
{
	if (response->body)
		buf_free(response->body);
	if (response->headers)
		buf_free(response->headers);
	free(response->body);
	free(response->headers);
	free(response->location);
	*response = (struct http_response){ 0 };
}
