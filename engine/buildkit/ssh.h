#ifndef ENGINE_BUILDKIT_SSH_H
#define ENGINE_BUILDKIT_SSH_H

#include <stddef.h>

#include "engine/buildkit/grpc.h"

/* moby.sshforward.v1.SSH: forwards the sockets of ssh agents to steps that mount them. */
struct ssh_agent {
	const char *id;     /* "default" */
	const char *socket; /* path */
};
struct ssh_agents {
	const struct ssh_agent *agents;
	size_t len;
};
#define SSH_METHODS 2
/* The list is borrowed. */
void ssh_methods(const struct ssh_agents *agents, struct grpc_method ret[SSH_METHODS]);

#endif
