#ifndef ENGINE_IO_DOCKERD_H
#define ENGINE_IO_DOCKERD_H

#include <stdbool.h>

struct json;

/* Where docker's daemon is. */

/* The address that docker's command would use: DOCKER_HOST, else the default. malloc'd. NULL when a context is in
 * use: only the command itself can resolve it. */
char *dockerd_endpoint(void);
/* The socket path in `endpoint`; NULL when it is not a socket on this machine, or NULL itself. */
const char *dockerd_socket(const char *endpoint);
/* True when the daemon keeps its images in containerd's store, by its answer to /info: then an image's id is its manifest's
 * digest, else its config's. */
bool dockerd_has_containerd_store(const struct json *info);
/* The proxies that docker's configuration gives to containers of the daemon at `endpoint`: "httpProxy" and the like, by docker's
 * names. The caller's; NULL: none, also where the file cannot be read: docker's command goes on then, too. */
struct json *dockerd_proxies(const char *endpoint);
/* The path of a file in docker's configuration folder ("config.json"). malloc'd; NULL when there is no such folder. */
char *dockerd_config(const char *name);

#endif
