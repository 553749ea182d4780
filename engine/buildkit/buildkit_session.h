#ifndef ENGINE_BUILDKIT_SESSION_H
#define ENGINE_BUILDKIT_SESSION_H

#include <stddef.h>

struct daemon;
struct error;
struct grpc_method;
struct h2;

/*
 * A session: the services that we offer to a daemon while it builds. It is gRPC in reverse, inside a stream of the
 * connection: we are the server. One session for each build. Every request of the daemon's runs in a thread of its own
 * (grpc.h); what the methods' data points to is shared by these threads, and must live until buildkit_session_free has
 * returned.
 */
struct buildkit_session;

struct buildkit_session_spec {
	const char *name;       /* for the daemon's messages */
	const char *shared_key; /* under which it caches the folders it receives: never "", which all clients share */
	const struct grpc_method *methods; /* the services besides health */
	size_t len;
};

int buildkit_session_open(struct daemon *daemon, const struct buildkit_session_spec *spec,
			  struct buildkit_session **ret, struct error **err);
const char *buildkit_session_id(const struct buildkit_session *session);
/* The session's connection. Borrowed. */
struct h2 *buildkit_session_h2(const struct buildkit_session *session);
/* The first local error while serving the daemon's requests (grpc_server_fault). */
int buildkit_session_fault(struct buildkit_session *session, struct error **err);
/* Ends the session and waits for its threads. NULL-safe. */
void buildkit_session_free(struct buildkit_session *session);

void buildkit_session_cleanup(struct buildkit_session **session);
#define cleanup_buildkit_session __attribute__((cleanup(buildkit_session_cleanup)))

#endif
