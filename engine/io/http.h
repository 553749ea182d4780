#ifndef ENGINE_IO_HTTP_H
#define ENGINE_IO_HTTP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct buf;
struct error;
struct loop;

/* HTTP requests (libcurl, loaded on first use). For tasks: each call blocks its task and ends
 * when the loop is cancelled. No proxy, no redirects, no cookies: callers that want them ask. */

struct http_request {
	const char *method; /* "GET" ... */
	const char *url;
	const char *unix_socket;    /* path of a socket to talk through instead of TCP, or NULL */
	const char *const *headers; /* "Name: value", NULL-terminated, or NULL */
	const void *body;           /* or NULL */
	size_t body_len;
	int body_fd; /* with body NULL: a file sent from its current position, -1: none */
	uint64_t body_fd_len;
	uint64_t connect_ms; /* limit for connecting */
	uint64_t total_ms;   /* limit for all of it */
	size_t body_max;     /* bytes of the answer's body that are kept */
};

struct http_response {
	long status;      /* HTTP status */
	struct buf *body; /* at most body_max bytes, NUL-terminated; owned by the response */
	bool cut;         /* the body was longer than body_max */
	char *location;   /* where a redirect points to, as an absolute URL, or NULL; owned by the response */
};

/* 0: an answer came, whatever its status. Negative: ERROR_HEALTH, transient where trying again makes
 * sense (refused, reset, timed out), with a short sentence such as "connection refused";
 * ERROR_TOOL when libcurl cannot be loaded; ERROR_CANCELLED. */
int http_do(struct loop *loop, const struct http_request *request, struct http_response *ret, struct error **err);
void http_response_free(struct http_response *response); /* the contents */
#define cleanup_http __attribute__((cleanup(http_response_free)))

#endif
