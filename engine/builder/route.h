#ifndef ENGINE_BUILDER_ROUTE_H
#define ENGINE_BUILDER_ROUTE_H

#include <stdbool.h>

#include "engine/buildkit/conn.h"
#include "engine/io/proc.h"

struct builder_given;
struct error;

/* Where a BuildKit daemon is, and how it is reached. */
struct route {
	struct conn_address address; /* points into the rest */
	struct argv argv;            /* of a child that is the connection */
	char *url, *ca, *cert, *key, *server_name;
	char *detail; /* for people: "driver docker-container", or NULL */
	bool engine;  /* it is in docker's daemon, which has images of its own */
};
void route_free(struct route *route); /* the contents */
#define cleanup_route __attribute__((cleanup(route_free)))

/* given->instance NULL: docker's daemon, where docker's command would look for it; with "://" in it: the one at that address; else a
 * builder of buildx's of that name. ERROR_USAGE when there is none, ERROR_TOOL when it cannot be reached from here. */
int route_docker(const struct builder_given *given, struct route *ret, struct error **err);
/* The address, as buildctl takes it; NULL: BUILDKIT_HOST, or the usual socket. */
int route_buildkit(const struct builder_given *given, struct route *ret, struct error **err);
/* The daemon of a namespace of containerd's, as nerdctl looks for it; NULL: CONTAINERD_NAMESPACE, or "default". */
int route_nerdctl(const struct builder_given *given, struct route *ret, struct error **err);

#endif
