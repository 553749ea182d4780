#include "config.h"

#include "engine/buildkit/health.h"

#include "engine/buildkit/proto/session.pb-c.h"

#define SERVING 1

static int check(void *data, struct grpc_call *call, struct error **err)
{
	Bk__HealthAnswer answer = BK__HEALTH_ANSWER__INIT;

	(void)data;
	answer.status = SERVING;
	return grpc_send(call, &answer.base, err);
}

const struct grpc_method health_method = { "/grpc.health.v1.Health/Check", check, NULL };
