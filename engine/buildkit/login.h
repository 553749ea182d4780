#ifndef ENGINE_BUILDKIT_LOGIN_H
#define ENGINE_BUILDKIT_LOGIN_H

#include "engine/buildkit/grpc.h"

struct logins;

/* moby.filesync.v1.Auth: gives the daemon the logins from docker's and podman's files and helpers. It uses them to
 * get tokens for its own pulls and pushes. */
struct grpc_method login_method(struct logins *logins);

#endif
