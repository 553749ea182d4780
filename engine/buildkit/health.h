#ifndef ENGINE_BUILDKIT_HEALTH_H
#define ENGINE_BUILDKIT_HEALTH_H

#include "engine/buildkit/grpc.h"

/* grpc.health.v1.Health/Check: the daemon asks every few seconds whether we still exist. */
extern const struct grpc_method health_method;

#endif
