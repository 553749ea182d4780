#ifndef ENGINE_BUILDKIT_LOGIN_H
#define ENGINE_BUILDKIT_LOGIN_H

#include "engine/buildkit/grpc.h"

struct loop;

/* moby.filesync.v1.Auth: the logins of docker's and podman's files and helpers, for what the daemon pulls and pushes itself. It
 * gets its tokens with them. */
struct grpc_method login_method(struct loop *loop);

#endif
