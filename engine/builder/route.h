#ifndef ENGINE_BUILDER_ROUTE_H
#define ENGINE_BUILDER_ROUTE_H

#include <stdbool.h>

#include "engine/buildkit/conn.h"
#include "engine/io/proc.h"

struct builder_given;
struct error;

/* The address of a BuildKit daemon, and how to reach it. */
struct route {
	struct conn_address address; /* points into the other members */
	struct argv argv;            /* a child that is the connection */
	char *url, *ca, *cert, *key, *server_name;
	char *detail; /* for people: "driver docker-container", or NULL */
	bool engine;  /* it is part of docker's daemon, which has images of its own */
};
void route_free(struct route *route); /* the contents */
#define cleanup_route __attribute__((cleanup(route_free)))

/* given->instance NULL: docker's daemon, where docker's command would find it; containing "://": the one at that
 * address; else the buildx builder of that name. ERROR_USAGE for an unknown one, ERROR_TOOL when it cannot be
 * reached from here. */
int route_docker(const struct builder_given *given, struct route *ret, struct error **err);
/* The instance is an address as buildctl takes it; NULL: BUILDKIT_HOST, or the default socket. */
int route_buildkit(const struct builder_given *given, struct route *ret, struct error **err);
/* The instance is a containerd namespace, as for nerdctl; NULL: CONTAINERD_NAMESPACE, or "default". */
int route_nerdctl(const struct builder_given *given, struct route *ret, struct error **err);

#endif
