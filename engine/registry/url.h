#ifndef ENGINE_REGISTRY_URL_H
#define ENGINE_REGISTRY_URL_H

#include <stdbool.h>

struct buf;

/* URLs from registries. Only http and https, without a user name. */

/* "https://host" or "https://host:port", lower-case, without the default port: what may be sent a login (malloc'd).
 * NULL when it is not such a URL. */
char *url_origin(const char *url);
/* Resolves `location`, an answer's header, against the request's URL (malloc'd); NULL when the result is not such a
 * URL. */
char *url_resolve(const char *url, const char *location);
/* True when the host of an origin, or of a registry's domain, is this machine, by name or address. */
bool url_loopback(const char *host);
/* Appends `value`, escaped for a query. */
void url_escape(struct buf *out, const char *value);

#endif
