#ifndef ENGINE_IO_HTTP_H
#define ENGINE_IO_HTTP_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct buf;
struct error;
struct loop;

/* HTTP requests (libcurl, loaded on first use). For tasks: each call blocks its task and ends when the loop is
 * cancelled; while no task runs, the loop's own thread may call it, too. No redirects, no cookies, and a proxy only
 * on request. */

/* Connections kept open for further requests. Thread-safe; a connection is used by one request at a time. */
struct http_pool;
struct http_pool *http_pool_new(void);
void http_pool_free(struct http_pool *pool); /* NULL-safe; no request may be running */

struct http_tls {
	const struct buf *authorities; /* PEM, instead of the system's; or NULL or empty */
	const char *cert, *key;        /* paths of PEM files; NULL: no client certificate */
	bool unverified;               /* any certificate of the server will do */
};

/* Receives a piece of a body; any value but 0 ends the transfer with an error. */
typedef int http_take(void *data, const void *bytes, size_t len);
/* Reports bytes of `body_fd` as they are sent; negative when they will be sent again. */
typedef void http_sent(void *data, int64_t bytes);

struct http_request {
	const char *method; /* "GET" ... */
	const char *url;
	const char *address;        /* connect to this numeric host, whatever the URL's host is; or NULL */
	const int *netns;           /* its sockets are made in this network namespace; or NULL */
	const char *unix_socket;    /* path of a socket to talk through instead of TCP, or NULL */
	const char *const *headers; /* "Name: value", NULL-terminated, or NULL */
	const void *body;           /* or NULL */
	size_t body_len;
	int body_fd; /* with body NULL: a file sent from its current position, -1: none */
	uint64_t body_fd_len;
	http_sent *sent; /* or NULL */
	void *sent_data;
	uint64_t connect_ms; /* limit for connecting */
	uint64_t total_ms;   /* limit for all of it; 0: none */
	uint64_t finish_ms;  /* the same as stall_ms, once all of body_fd was sent; 0: stall_ms */
	uint64_t stall_ms;   /* limit for a period in which almost nothing is transferred; 0: none */
	size_t body_max;     /* bytes of the answer's body that are kept */
	http_take *take;     /* receives the body of an answer with status 200 or 206; or NULL */
	void *take_data;
	uint64_t take_max;          /* bytes of a body for `take`; a longer one is an error; 0: no limit */
	struct http_pool *pool;     /* or NULL: a connection of its own */
	const struct http_tls *tls; /* or NULL */
	bool proxy;                 /* go through the proxy that the environment names for this URL, if any */
	bool http2;                 /* if the server offers it */
	bool h2c;                   /* nothing but HTTP/2, without TLS */
	bool cleanup;               /* goes on when the loop is cancelled */
	const atomic_bool *stop;    /* ERROR_CANCELLED once it is set; or NULL */
};

struct http_response {
	long status;         /* HTTP status */
	struct buf *body;    /* at most body_max bytes, NUL-terminated; owned by the response */
	bool cut;            /* the body was longer than body_max */
	char *location;      /* where a redirect points to, as an absolute URL, or NULL; owned by the response */
	struct buf *headers; /* the lines of the answer's head; owned by the response */
	bool not_tls;        /* set when http_do fails: the server does not speak TLS */
	bool not_http2;      /* set when http_do fails: the server offers HTTP/2 but does not speak it */
};

/* 0: an answer came, whatever its status. Negative: ERROR_HEALTH, transient if trying again makes sense (refused,
 * reset, timed out), with a short text such as "connection refused"; ERROR_TOOL when libcurl cannot be loaded;
 * ERROR_CANCELLED. */
int http_do(struct loop *loop, const struct http_request *request, struct http_response *ret, struct error **err);
/* The value of the answer's `nth` header (from 0) of that name, trimmed (malloc'd); NULL when there is none. */
char *http_header(const struct http_response *response, const char *name, size_t nth);
void http_response_free(struct http_response *response); /* the contents */
#define cleanup_http __attribute__((cleanup(http_response_free)))

#endif
