#include "config.h"

#include "engine/buildkit/login.h"

#include <string.h>

#include "base/error.h"
#include "engine/buildkit/proto/message.h"
#include "engine/buildkit/proto/session.pb-c.h"
#include "engine/registry/credentials.h"
#include "engine/registry/logins.h"

/* Docker Hub's API host differs from the name that its logins are kept under. */
static const char *domain_of(const char *host)
{
	return strcmp(host, "registry-1.docker.io") == 0 || strcmp(host, "index.docker.io") == 0 ? "docker.io" : host;
}

static void answer_with(const struct credentials *found, Bk__CredentialsAnswer *answer)
{
	/* A secret without a user name is a token for the token server. */
	if (found->identity_token) {
		answer->secret = found->identity_token;
	} else if (found->username && found->password) {
		answer->username = found->username;
		answer->secret = found->password;
	}
}

static int serve_login(void *data, struct grpc_call *call, struct error **err)
{
	cleanup_message Bk__CredentialsRequest *request = NULL;
	Bk__CredentialsAnswer answer = BK__CREDENTIALS_ANSWER__INIT;
	const struct credentials *found = NULL;
	struct logins *logins = data;

	if (grpc_receive(call, &bk__credentials_request__descriptor, (void **)&request, err) <= 0)
		return -1;
	if (logins_find(logins, domain_of(request->host), &found, err) < 0)
		return -1;
	answer_with(found, &answer);
	return grpc_send(call, &answer.base, err);
}

struct grpc_method login_method(struct logins *logins)
{
	return (struct grpc_method){ "/moby.filesync.v1.Auth/Credentials", serve_login, logins };
}
