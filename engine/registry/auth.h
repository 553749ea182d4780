#ifndef ENGINE_REGISTRY_AUTH_H
#define ENGINE_REGISTRY_AUTH_H

#include <stdbool.h>

struct buf;
struct endpoint;
struct error;
struct http_response;

/*
 * Authorization headers. Passwords and identity tokens are sent only to the registry's own origin (scheme, host and
 * port) and to the token origin given in the manifest (Docker Hub's and gitlab.com's are built in), and never over
 * plain HTTP, except to this machine or where the manifest says `insecure`. Errors are ERROR_REGISTRY.
 */

/* The requested scopes of the token specification, separated by spaces ("repository:acme/web:pull,push"). The first
 * one's repository selects the login. */
struct auth_want {
	const char *repository;
	const char *scopes;
	bool push; /* to the repository */
};

/* Appends "Authorization: ..." if it is already known what to send; else nothing. */
void auth_header(struct endpoint *endpoint, const struct auth_want *want, struct buf *out);
/* The registry refused a request that was sent with `sent` (a header, or ""): gets what it demands. Negative when
 * that is impossible. */
int auth_answer(struct endpoint *endpoint, const struct auth_want *want, const struct http_response *refused,
		const char *sent, struct error **err);
/* A sentence about what to do, for an answer with status 401 or 403. */
void auth_remedy(struct endpoint *endpoint, const struct auth_want *want, struct error **err);

#endif
