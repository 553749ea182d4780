#ifndef ENGINE_REGISTRY_AUTH_H
#define ENGINE_REGISTRY_AUTH_H

struct buf;
struct endpoint;
struct error;
struct http_response;

/*
 * Who we are, as a header. Passwords and identity tokens go to the registry's own origin (scheme, host and port), and to
 * the origin that the manifest names for its tokens (Docker Hub's and gitlab.com's are known); nowhere else, and never
 * over plain HTTP but to this machine or where the manifest says `insecure`. Errors are ERROR_REGISTRY.
 */

/* What is wanted: scopes of the token specification, separated by spaces ("repository:acme/web:pull,push"). The first one's
 * repository decides which login is taken. */
struct auth_want {
	const char *repository;
	const char *scopes;
};

/* Appends "Authorization: ..." when it is known already what to show; nothing otherwise. */
void auth_header(struct endpoint *endpoint, const struct auth_want *want, struct buf *out);
/* The registry refused a request that was sent with `sent` (a header, or ""): gets what it asks for. Negative when that
 * cannot be had. */
int auth_answer(struct endpoint *endpoint, const struct auth_want *want, const struct http_response *refused,
		const char *sent, struct error **err);
/* A sentence about what to do, for an answer with status 401 or 403. */
void auth_remedy(struct endpoint *endpoint, const struct auth_want *want, struct error **err);

#endif
