#ifndef ENGINE_REGISTRY_AUTHFILE_H
#define ENGINE_REGISTRY_AUTHFILE_H

#include <stdbool.h>

struct credentials;
struct error;
struct json;

/* The files that logins are kept in: docker's config.json and podman's auth.json. Errors are ERROR_REGISTRY and name the
 * file. */

#define AUTHFILES_MAX 3
/* Where they are looked for, in order (malloc'd each, NULL-terminated). The first is where logins are written. */
void authfile_paths(char *ret[AUTHFILES_MAX + 1]);

/* *ret is NULL when there is no such file. The caller frees it. */
int authfile_read(const char *path, struct json **ret, struct error **err);
int authfile_write(const char *path, const struct json *json, struct error **err);
/* The helper for this registry ("credHelpers", then "credsStore"), or NULL. Borrowed. */
const char *authfile_helper(const struct json *file, const char *domain);
/* The entry of "auths" that is nearest to domain/repository, never one of another host. 1, or 0 when there is none. */
int authfile_find(const struct json *file, const char *path, const char *domain, const char *repository,
		  struct credentials *ret, struct error **err);
/* What docker calls a registry: "https://index.docker.io/v1/" for docker.io, else its domain. */
const char *authfile_server(const char *domain);
/* The same file with another entry for the registry; NULL: with none. *ret_had: there was one. The caller frees what is
 * returned. */
struct json *authfile_with(const struct json *file, const char *domain, const struct credentials *credentials,
			   bool *ret_had);

#endif
