#include "config.h"

#include "engine/buildkit/login.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/mem.h"
#include "engine/buildkit/proto/message.h"
#include "engine/buildkit/proto/session.pb-c.h"
#include "engine/registry/credentials.h"

/* Docker Hub's API host differs from the name that its logins are kept under. */
static const char *domain_of(const char *host)
{
	return strcmp(host, "registry-1.docker.io") == 0 || strcmp(host, "index.docker.io") == 0 ? "docker.io" : host;
}

struct logins {
	struct loop *loop;
	pthread_mutex_t lock; /* guards what follows; held while a helper is asked, so that nobody asks it again */
	struct logins_found {
		char *domain;
		struct credentials credentials;
	} * list;
	size_t len, cap;
};

struct logins *logins_new(struct loop *loop)
{
	struct logins *logins = mem_alloc(sizeof(*logins));

	logins->loop = loop;
	pthread_mutex_init(&logins->lock, NULL);
	return logins;
}

void logins_free(struct logins *logins)
{
	if (!logins)
		return;
	for (size_t i = 0; i < logins->len; i++) {
		free(logins->list[i].domain);
		credentials_free(&logins->list[i].credentials);
	}
	free(logins->list);
	pthread_mutex_destroy(&logins->lock);
	free(logins);
}

/* With the lock held. The result may move with the next call, its texts stay. A failure is not kept. */
static int find_login(struct logins *logins, const char *domain, const struct credentials **ret, struct error **err)
{
	struct logins_found found = { 0 };

	for (size_t i = 0; i < logins->len; i++) {
		if (strcmp(logins->list[i].domain, domain) == 0) {
			*ret = &logins->list[i].credentials;
			return 0;
		}
	}
	if (credentials_find(logins->loop, domain, "", NULL, &found.credentials, err) < 0)
		return -1;
	found.domain = mem_strdup(domain);
	mem_reserve(&logins->list, &logins->cap, logins->len + 1, sizeof(*logins->list));
	logins->list[logins->len++] = found;
	*ret = &logins->list[logins->len - 1].credentials;
	return 0;
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
	int r;

	if (grpc_receive(call, &bk__credentials_request__descriptor, (void **)&request, err) <= 0)
		return -1;
	pthread_mutex_lock(&logins->lock);
	r = find_login(logins, domain_of(request->host), &found, err);
	if (r == 0)
		answer_with(found, &answer);
	pthread_mutex_unlock(&logins->lock);
	return r < 0 ? -1 : grpc_send(call, &answer.base, err);
}

struct grpc_method login_method(struct logins *logins)
{
	return (struct grpc_method){ "/moby.filesync.v1.Auth/Credentials", serve_login, logins };
}
