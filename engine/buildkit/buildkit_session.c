#include "config.h"

#include "engine/buildkit/buildkit_session.h"

#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "engine/buildkit/control.h"
#include "engine/buildkit/grpc.h"
#include "engine/buildkit/h2.h"
#include "engine/buildkit/health.h"

#define METHOD "/moby.buildkit.v1.Control/Session"
#define HEADER(name) "x-docker-expose-session-" name
#define WINDOW \
	(16u << 20) /* bytes: requests for a million files, which may arrive while we are still sending their list */

struct buildkit_session {
	char id[CONTROL_NAME + 1];
	struct grpc_server *server;
	struct h2 *h2;
};

static int open_stream(struct daemon *daemon, const char *id, const struct buildkit_session_spec *spec,
		       struct h2_stream **ret, struct error **err)
{
	enum { OWN = 3 };
	cleanup_free struct h2_field *fields = mem_array(OWN + spec->len + 1, sizeof(*fields));
	struct grpc_call *call;

	fields[0] = (struct h2_field){ HEADER("uuid"), id };
	fields[1] = (struct h2_field){ HEADER("name"), spec->name };
	fields[2] = (struct h2_field){ HEADER("sharedkey"), spec->shared_key };
	for (size_t i = 0; i < spec->len; i++)
		fields[OWN + i] = (struct h2_field){ HEADER("grpc-method"), spec->methods[i].path };
	if (grpc_open(daemon_h2(daemon), METHOD, fields, OWN + spec->len, &call, err) < 0)
		return -1;
	*ret = grpc_detach(call, err);
	return *ret ? 0 : -1;
}

int buildkit_session_open(struct daemon *daemon, const struct buildkit_session_spec *spec,
			  struct buildkit_session **ret, struct error **err)
{
	cleanup_buildkit_session struct buildkit_session *session = mem_alloc(sizeof(*session));
	cleanup_free struct grpc_method *methods = mem_array(spec->len + 1, sizeof(*methods));
	struct h2_stream *stream;
	struct h2_role role;

	methods[0] = health_method;
	if (spec->len > 0)
		memcpy(methods + 1, spec->methods, spec->len * sizeof(*methods));
	if (control_name(session->id, err) < 0 || grpc_server_new(methods, spec->len + 1, &session->server, err) < 0 ||
	    open_stream(daemon, session->id, spec, &stream, err) < 0)
		return -1;
	role = grpc_server_role(session->server);
	role.window = WINDOW;
	if (h2_nest(stream, &grpc_wrapping, &role, &session->h2, err) < 0)
		return -1;
	*ret = steal_ptr(session);
	return 0;
}

const char *buildkit_session_id(const struct buildkit_session *session)
{
	return session->id;
}

struct h2 *buildkit_session_h2(const struct buildkit_session *session)
{
	return session->h2;
}

int buildkit_session_fault(struct buildkit_session *session, struct error **err)
{
	return grpc_server_fault(session->server, err);
}

void buildkit_session_free(struct buildkit_session *session)
{
	if (!session)
		return;
	if (session->h2)
		h2_cut(session->h2);
	grpc_server_free(session->server);
	h2_free(session->h2);
	free(session);
}

void buildkit_session_cleanup(struct buildkit_session **session)
{
	buildkit_session_free(*session);
}
