#include "config.h"

#include "engine/registry/urls.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "base/base64.h"
#include "base/buf.h"
#include "base/digest.h"
#include "base/error.h"
#include "base/fs.h"
#include "base/map.h"
#include "base/mem.h"
#include "base/text.h"
#include "engine/io/http.h"
#include "engine/io/loop.h"
#include "engine/registry/git_refs.h"
#include "engine/registry/url.h"

#define CONNECT_MS 10000
#define STALL_MS 30000
#define REDIRECTS_MAX 10
#define BYTES_MAX ((uint64_t)16 << 30) /* of a file */
#define TRIES 3                        /* of what may pass */
#define PAUSE_MS 300
/* A time of change tells nothing while it may be written to once more within its second. */
#define SETTLED_SECONDS 2

struct url_known {
	char *url;
	char *state, *content;
	struct error *error;
	pthread_mutex_t lock;
};

struct urls {
	struct loop *loop;
	struct map *known;    /* url -> struct url_known */
	pthread_mutex_t lock; /* for the map */
};

struct urls *urls_new(struct loop *loop)
{
	struct urls *urls = mem_alloc(sizeof(*urls));

	*urls = (struct urls){ .loop = loop, .known = map_new() };
	pthread_mutex_init(&urls->lock, NULL);
	return urls;
}

void urls_free(struct urls *urls)
{
	if (!urls)
		return;
	for (size_t i = 0; i < map_len(urls->known); i++) {
		struct url_known *known = map_value(urls->known, i);

		pthread_mutex_destroy(&known->lock);
		free(known->url);
		free(known->state);
		free(known->content);
		error_free(known->error);
		free(known);
	}
	map_free(urls->known);
	pthread_mutex_destroy(&urls->lock);
	free(urls);
}

/* ---- asking a server ---- */

/* A request on its way, and where its answer's body goes. */
struct download {
	const char *method;
	char *url;          /* without the login */
	char *login;        /* a header, or NULL */
	char *origin;       /* that it is for */
	struct sha256 *sha; /* NULL: no body is wanted */
	int fd;             /* the same bytes, or -1 */
	uint64_t bytes;
	bool unwritten; /* the file cannot be written: errno */
	int number;
};

static void download_cleanup(struct download *download)
{
	free(download->url);
	free(download->login);
	free(download->origin);
	sha256_free(download->sha);
}

static void take_login(struct download *download, const char *url)
{
	const char *user = strstr(url, "://") + 3, *at = memrchr(user, '@', strcspn(user, "/?#"));
	cleanup_buf struct buf plain = { 0 }, coded = { 0 };

	if (!at || !text_has_login(url))
		return;
	text_unescape(&plain, user, (size_t)(at - user));
	if (!memchr(plain.data, ':', plain.len))
		buf_char(&plain, ':');
	base64_encode(plain.data, plain.len, &coded);
	download->login = mem_printf("Authorization: Basic %s", coded.data);
}

static int download_new(const char *method, const char *url, bool body, struct download *ret, struct error **err)
{
	*ret = (struct download){ .method = method, .fd = -1, .url = text_without_login(url) };
	/* What is behind '#' is no server's business. */
	ret->url[strcspn(ret->url, "#")] = '\0';
	ret->origin = url_origin(ret->url);
	if (!ret->origin)
		return error_make(err, ERROR_REGISTRY, "%s: malformed URL", ret->url);
	take_login(ret, url);
	return body ? sha256_new(&ret->sha, err) : 0;
}

static int download_take(void *data, const void *bytes, size_t len)
{
	struct download *download = data;

	sha256_add(download->sha, bytes, len);
	download->bytes += len;
	if (download->fd >= 0 && fs_write_all(download->fd, bytes, len, download->url, NULL) < 0) {
		download->number = errno;
		download->unwritten = true;
		return -1;
	}
	return 0;
}

static int download_from(struct urls *urls, struct download *download, const char *url, struct http_response *ret,
			 struct error **err)
{
	cleanup_free char *origin = url_origin(url);
	const char *headers[2] = { NULL };
	const struct http_request request = {
		.method = download->method,
		.url = url,
		.headers = headers,
		.body_fd = -1,
		.connect_ms = CONNECT_MS,
		.stall_ms = STALL_MS,
		.take = download->sha ? download_take : NULL,
		.take_data = download,
		.take_max = download->sha ? BYTES_MAX : 0,
		.proxy = !url_loopback(url),
		.http2 = true,
	};

	if (!origin)
		return error_make(err, ERROR_REGISTRY, "it redirects to an invalid URL");
	if (strcmp(origin, download->origin) == 0)
		headers[0] = download->login;
	return http_do(urls->loop, &request, ret, err);
}

static bool is_moved(const struct http_response *response)
{
	return response->location && response->status >= 301 && response->status <= 308 && response->status != 304;
}

/* Follows redirects; the login stays with the origin that it was given for. */
static int download_once(struct urls *urls, struct download *download, struct http_response *ret, struct error **err)
{
	cleanup_free char *url = mem_strdup(download->url);

	for (unsigned i = 0; i <= REDIRECTS_MAX; i++) {
		if (download_from(urls, download, url, ret, err) < 0)
			return -1;
		if (!is_moved(ret))
			return 0;
		free(url);
		url = steal_ptr(ret->location);
		http_response_free(ret);
	}
	return error_make(err, ERROR_REGISTRY, "it redirects in a loop");
}

static bool is_busy(long status)
{
	return status == 408 || status == 429 || status >= 500;
}

/* The error names the URL, whatever it was. */
static int download_failed(const struct download *download, struct error *error, struct error **err)
{
	struct error *named = NULL;

	if (download->unwritten) {
		error_free(error);
		return error_errno(err, ERROR_STATE, download->number, "%s: what was fetched cannot be written",
				   download->url);
	}
	if (error->cls == ERROR_CANCELLED || error->cls == ERROR_TOOL)
		return error_move(err, &error);
	error_make(&named, ERROR_REGISTRY, "%s: %s", download->url, error->message);
	named->transient = error->transient;
	error_free(error);
	return error_move(err, &named);
}

/* Any answer that is not busy; what has come of a body before a failure is thrown away. */
static int download_send(struct urls *urls, struct download *download, struct http_response *ret, struct error **err)
{
	for (unsigned tries = 1;; tries++) {
		struct error *error = NULL;
		int r = download_once(urls, download, ret, &error);

		if (r == 0 && (!is_busy(ret->status) || tries == TRIES))
			return 0;
		if (r < 0 && (!error->transient || tries == TRIES || download->bytes > 0))
			return download_failed(download, error, err);
		error_free(error);
		http_response_free(ret);
		if (loop_pause(urls->loop, PAUSE_MS, err) < 0)
			return -1;
	}
}

/* ---- what it says ---- */

/* "Sun, 06 Nov 1994 08:49:37 GMT" in seconds since 1970; -1: it is none. */
static time_t http_time(const char *text)
{
	static const char months[] = "JanFebMarAprMayJunJulAugSepOctNovDec";
	struct tm tm = { 0 };
	char month[4] = "", *found;

	if (!text || sscanf(text, "%*3s, %2d %3s %4d %2d:%2d:%2d GMT", &tm.tm_mday, month, &tm.tm_year, &tm.tm_hour,
			    &tm.tm_min, &tm.tm_sec) != 6)
		return -1;
	found = strstr(months, month);
	if (!found || strlen(month) != 3)
		return -1;
	tm.tm_mon = (int)(found - months) / 3;
	tm.tm_year -= 1900;
	return timegm(&tm);
}

/* NULL: nothing that could be relied on. */
static char *validator_of(const struct http_response *response)
{
	cleanup_free char *etag = http_header(response, "ETag", 0);
	cleanup_free char *modified = http_header(response, "Last-Modified", 0);
	cleanup_free char *date = http_header(response, "Date", 0);
	cleanup_free char *length = http_header(response, "Content-Length", 0);
	time_t then = http_time(modified), now = http_time(date);

	if (etag && *etag)
		return mem_printf("etag %s", etag);
	if (then < 0 || now < then + SETTLED_SECONDS)
		return NULL;
	return mem_printf("modified %s, %s bytes", modified, length ? length : "?");
}

static int answered_badly(const struct download *download, const struct http_response *response, struct error **err)
{
	error_make(err, ERROR_REGISTRY, "%s: status %ld", download->url, response->status);
	(*err)->transient = is_busy(response->status);
	return -1;
}

/* Gets the whole: its digest, and its time for the file. */
static int urls_get(struct urls *urls, const char *url, int fd, char ret_digest[DIGEST_LEN + 1], time_t *ret_time,
		    struct error **err)
{
	__attribute__((cleanup(download_cleanup))) struct download download;
	cleanup_http struct http_response response = { 0 };
	cleanup_free char *modified = NULL;

	if (download_new("GET", url, true, &download, err) < 0)
		return -1;
	download.fd = fd;
	if (download_send(urls, &download, &response, err) < 0)
		return -1;
	if (response.status != 200)
		return answered_badly(&download, &response, err);
	sha256_done(download.sha, ret_digest);
	modified = http_header(&response, "Last-Modified", 0);
	*ret_time = http_time(modified);
	return 0;
}

/* *ret NULL: its head tells nothing, or the server gives none. */
static int urls_head(struct urls *urls, const char *url, char **ret, struct error **err)
{
	__attribute__((cleanup(download_cleanup))) struct download download;
	cleanup_http struct http_response response = { 0 };

	*ret = NULL;
	if (download_new("HEAD", url, false, &download, err) < 0 || download_send(urls, &download, &response, err) < 0)
		return -1;
	if (response.status == 200)
		*ret = validator_of(&response);
	return 0;
}

/* ---- each once ---- */

static struct url_known *urls_known(struct urls *urls, const char *url)
{
	struct url_known *found;

	pthread_mutex_lock(&urls->lock);
	found = map_get(urls->known, url);
	if (!found) {
		found = mem_alloc(sizeof(*found));
		found->url = mem_strdup(url);
		pthread_mutex_init(&found->lock, NULL);
		map_set(urls->known, found->url, found);
	}
	pthread_mutex_unlock(&urls->lock);
	return found;
}

static int find_content(struct urls *urls, struct url_known *known, bool git, struct error **err)
{
	char digest[DIGEST_LEN + 1];
	time_t time;

	if (known->content)
		return 0;
	if (git)
		return git_refs_find(urls->loop, known->url, &known->content, err);
	if (urls_get(urls, known->url, -1, digest, &time, err) < 0)
		return -1;
	known->content = mem_strdup(digest);
	return 0;
}

static int find_state(struct urls *urls, struct url_known *known, bool git, struct error **err)
{
	if (known->state)
		return 0;
	if (!git && urls_head(urls, known->url, &known->state, err) < 0)
		return -1;
	if (known->state)
		return 0;
	if (find_content(urls, known, git, err) < 0)
		return -1;
	known->state = mem_strdup(known->content);
	return 0;
}

typedef int finder(struct urls *urls, struct url_known *known, bool git, struct error **err);

static int urls_ask(struct urls *urls, struct url_known *known, bool git, finder *find, struct error **err)
{
	int r;

	pthread_mutex_lock(&known->lock);
	r = known->error ? -1 : find(urls, known, git, &known->error);
	if (r < 0)
		error_copy(err, known->error);
	pthread_mutex_unlock(&known->lock);
	return r;
}

int urls_state(struct urls *urls, const char *url, bool git, const char **ret, struct error **err)
{
	struct url_known *found = urls_known(urls, url);
	int r = urls_ask(urls, found, git, find_state, err);

	*ret = found->state;
	return r;
}

int urls_content(struct urls *urls, const char *url, bool git, const char **ret, struct error **err)
{
	struct url_known *found = urls_known(urls, url);
	int r = urls_ask(urls, found, git, find_content, err);

	*ret = found->content;
	return r;
}

static int check_digest(const char *url, const char *got, const char *digest, struct error **err)
{
	cleanup_free char *shown = text_without_login(url);

	if (!digest || strcmp(got, digest) == 0)
		return 0;
	error_make(err, ERROR_REGISTRY, "%s differs from what services.lock says: it is %s now, not %s", shown, got,
		   digest);
	error_remedy(err, "accept what is there now: cbuild lock --update %s", shown);
	return -1;
}

static int fetch_into(struct urls *urls, const char *url, const char *digest, int fd, const char *path,
		      char ret_digest[DIGEST_LEN + 1], struct error **err)
{
	struct timespec times[2] = { { .tv_nsec = UTIME_OMIT } };
	time_t modified;

	if (urls_get(urls, url, fd, ret_digest, &modified, err) < 0 || check_digest(url, ret_digest, digest, err) < 0)
		return -1;
	times[1].tv_sec = modified < 0 ? 0 : modified;
	if (futimens(fd, times) < 0)
		return error_errno(err, ERROR_STATE, errno, "%s", path);
	return 0;
}

static int fetch_to(struct urls *urls, const char *url, const char *digest, const char *path,
		    char ret_digest[DIGEST_LEN + 1], struct error **err)
{
	int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	int r;

	if (fd < 0)
		return error_errno(err, ERROR_STATE, errno, "%s", path);
	r = fetch_into(urls, url, digest, fd, path, ret_digest, err);
	if (close(fd) < 0 && r == 0)
		r = error_errno(err, ERROR_STATE, errno, "%s", path);
	if (r < 0)
		unlink(path);
	return r;
}

int urls_fetch(struct urls *urls, const char *url, const char *digest, const char *path, struct error **err)
{
	char got[DIGEST_LEN + 1];

	return fetch_to(urls, url, digest, path, got, err);
}

int urls_save(struct urls *urls, const char *url, const char *path, const char **ret, struct error **err)
{
	struct url_known *known = urls_known(urls, url);
	char got[DIGEST_LEN + 1];
	int r;

	pthread_mutex_lock(&known->lock);
	r = fetch_to(urls, url, known->content, path, got, err);
	if (r == 0 && !known->content)
		known->content = mem_strdup(got);
	*ret = known->content;
	pthread_mutex_unlock(&known->lock);
	return r;
}
