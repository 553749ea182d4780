#ifndef ENGINE_REGISTRY_TRANSPORT_H
#define ENGINE_REGISTRY_TRANSPORT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "engine/io/http.h"
#include "engine/registry/auth.h"

struct endpoint;
struct error;

/*
 * One exchange with a registry: logs in on request, follows redirects by hand (the login goes only to the
 * registry's own origin, and never from TLS to plain HTTP; a write keeps its method and body), and retries after growing pauses, or those the
 * registry asks for, when it is busy or the connection fails. Errors are ERROR_REGISTRY and name the registry.
 */
struct exchange {
	const char *method;
	const char *path; /* "/v2/...", or with NULL: */
	const char *url;
	struct auth_want want;
	const char *const *headers; /* NULL-terminated, or NULL */
	const void *body;
	size_t body_len;
	int body_fd; /* -1: none */
	uint64_t body_fd_len;
	http_sent *sent;
	void *sent_data;
	http_take *take;
	void *take_data;
	void (*begin)(void *data); /* called before each attempt, with take_data: discard what was received */
	size_t body_max;           /* 0: ERROR_ANSWER_MAX */
	bool finishes;             /* the last of an upload: it may take the registry minutes to put all in its place */
	uint64_t bytes;            /* size of the transfer: extends the time limit */
	char **ret_url;            /* gets where the answer came from, a URL (malloc'd); or NULL */
	uint64_t *once;            /* the caller retries (retry_pause): receives retry.asked_ms; or NULL */
};

#define ERROR_ANSWER_MAX (1u << 20)

/* An answer whose status is neither 401, 429 nor 5xx. */
int transport_do(struct endpoint *endpoint, const struct exchange *exchange, struct http_response *ret,
		 struct error **err);

/* As registry_reach. */
int transport_reach(struct endpoint *endpoint, struct error **err);

/* Retries with growing pauses, as long as the error is transient. */
struct retry {
	unsigned attempts;
	uint64_t paused_ms;
	uint64_t asked_ms; /* by the registry (Retry-After), for the next pause */
};
/* 0: `*error` is freed, try again. Negative: it is moved to `err`. */
int retry_pause(struct retry *retry, struct endpoint *endpoint, struct error **error, struct error **err);

/* The target of an answer's Location, as a URL for `exchange.url` (malloc'd). */
int transport_location(struct endpoint *endpoint, const char *url, const struct http_response *response, char **ret,
		       struct error **err);

/* An error for an unexpected answer: "REGISTRY: WHAT: status 404 (NAME_UNKNOWN: ...)". */
int transport_refuse(struct endpoint *endpoint, const struct auth_want *want, const struct http_response *response,
		     const char *what, struct error **err);
/* Some registries and proxies do not support HEAD; GET returns the same and more. */
static inline bool transport_head_unknown(const struct http_response *response)
{
	return response->status == 405 || response->status == 501;
}
/* The first error code of an answer's body ("MANIFEST_UNKNOWN"; malloc'd), or NULL. */
char *transport_code(const struct http_response *response);

#endif
