#ifndef ENGINE_REGISTRY_URL_H
#define ENGINE_REGISTRY_URL_H

#include <stdbool.h>

struct buf;

/* URLs as registries hand them out. Only http and https, and no user in them. */

/* "https://host" or "https://host:port", lower-case, a scheme's own port left out: what may get a login (malloc'd). NULL
 * when it is no such URL. */
char *url_origin(const char *url);
/* `location`, an answer's header, against the URL that was asked (malloc'd); NULL when the result is no such URL. */
char *url_resolve(const char *url, const char *location);
/* The host of an origin, or of a registry's domain, is this machine by its name or number. */
bool url_loopback(const char *host);
/* Appends `value` fit for a query. */
void url_escape(struct buf *out, const char *value);

#endif
