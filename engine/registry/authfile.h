#ifndef ENGINE_REGISTRY_AUTHFILE_H
#define ENGINE_REGISTRY_AUTHFILE_H

#include <stdbool.h>

struct credentials;
struct error;
struct json;

/* The files that logins are kept in: docker's config.json and podman's auth.json. Errors are ERROR_REGISTRY and name the
 * file. */

#define AUTHFILES_MAX 3
/* The candidate paths, in order (each malloc'd, NULL-terminated). Logins are written to the first. */
void authfile_paths(char *ret[AUTHFILES_MAX + 1]);

/* *ret is NULL when there is no such file. The caller frees it. */
int authfile_read(const char *path, struct json **ret, struct error **err);
int authfile_write(const char *path, const struct json *json, struct error **err);
/* The helper for this registry ("credHelpers", then "credsStore"), or NULL. Borrowed. */
const char *authfile_helper(const struct json *file, const char *domain);
/* The most specific entry of "auths" for domain/repository, never one of another host. 1, or 0 when there is none. */
int authfile_find(const struct json *file, const char *path, const char *domain, const char *repository,
		  struct credentials *ret, struct error **err);
/* The name that docker uses for a registry: "https://index.docker.io/v1/" for docker.io, else its domain. */
const char *authfile_server(const char *domain);
/* The file's text with the registry's entry replaced, or removed (NULL). *ret_had: it had one. The caller frees the
 * result. */
struct json *authfile_with(const struct json *file, const char *domain, const struct credentials *credentials,
			   bool *ret_had);

#endif
