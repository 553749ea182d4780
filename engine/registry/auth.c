#include "config.h"

#include <stdlib.h>
#include <string.h>

#include "base/base64.h"
#include "base/buf.h"
#include "base/error.h"
#include "base/mem.h"
#include "engine/io/loop.h"
#include "engine/registry/auth.h"
#include "engine/registry/challenge.h"
#include "engine/registry/endpoint.h"
#include "engine/registry/token.h"

#define BEARER "Authorization: Bearer "
#define REGISTRY_TOKEN_MS 3600000 /* a token from the login's file: how long it is used */
#define BASIC "Authorization: Basic "

/* The functions below need the endpoint's lock. */

static struct auth_token *find_token(struct endpoint *endpoint, const char *scopes)
{
	for (size_t i = 0; i < endpoint->tokens_len; i++) {
		if (strcmp(endpoint->tokens[i].scopes, scopes) == 0)
			return &endpoint->tokens[i];
	}
	return NULL;
}

static void keep_token(struct endpoint *endpoint, const char *scopes, char *value, uint64_t ms)
{
	struct auth_token *token = find_token(endpoint, scopes);

	if (!token) {
		mem_reserve(&endpoint->tokens, &endpoint->tokens_cap, endpoint->tokens_len + 1, sizeof(*token));
		token = &endpoint->tokens[endpoint->tokens_len++];
		token->scopes = mem_strdup(scopes);
	}
	free(token->value);
	token->value = value;
	token->until_ms = loop_now_ms() + ms / 10 * 9; /* some of its lifetime has passed when it arrives there */
}

static void header_for(struct endpoint *endpoint, const struct auth_want *want, struct buf *out)
{
	const struct auth_token *token = find_token(endpoint, want->scopes);
	const struct credentials *credentials;

	if (token) {
		if (token->until_ms > loop_now_ms())
			buf_printf(out, BEARER "%s", token->value);
		return;
	}
	if (!endpoint->basic || endpoint_credentials(endpoint, want->repository, &credentials, NULL) < 0 ||
	    !credentials->username)
		return;
	{
		cleanup_free char *plain = mem_printf("%s:%s", credentials->username, credentials->password);

		buf_str(out, BASIC);
		base64_encode(plain, strlen(plain), out);
	}
}

static int no_login(const struct endpoint *endpoint, struct error **err)
{
	error_make(err, ERROR_REGISTRY, "%s requires a login, but none was found", endpoint->domain);
	error_remedy(err, "log in with `cbuild login %s`", endpoint->domain);
	return -1;
}

/* The current login was refused. */
static int refused_login(const struct endpoint *endpoint, const struct credentials *credentials, struct error **err)
{
	error_make(err, ERROR_REGISTRY, "%s refuses the login from %s", endpoint->domain, credentials->from);
	error_remedy(err, "log in anew with `cbuild login %s`", endpoint->domain);
	return -1;
}

static int answer_basic(struct endpoint *endpoint, const struct auth_want *want, const char *sent, struct error **err)
{
	const struct credentials *credentials;

	if (endpoint_credentials(endpoint, want->repository, &credentials, err) < 0)
		return -1;
	if (!credentials->username)
		return no_login(endpoint, err);
	if (strncmp(sent, BASIC, strlen(BASIC)) == 0)
		return refused_login(endpoint, credentials, err);
	endpoint->basic = true;
	return 0;
}

/* It would turn out with the first upload, after all has been built. */
static int may_not_push(const struct endpoint *endpoint, const struct auth_want *want,
			const struct credentials *credentials, struct error **err)
{
	if (!credentials_any(credentials))
		return no_login(endpoint, err);
	error_make(err, ERROR_REGISTRY, "%s grants no right to push to %s", endpoint->domain, want->repository);
	if (endpoint->withheld)
		token_explain(endpoint, err);
	error_remedy(err, "the login from %s has no right to do that", credentials->from);
	return -1;
}

static int answer_bearer(struct endpoint *endpoint, const struct auth_want *want, const struct challenge *challenge,
			 struct error **err)
{
	const struct credentials *credentials;
	uint64_t ms = REGISTRY_TOKEN_MS;
	char *value;

	if (endpoint_credentials(endpoint, want->repository, &credentials, err) < 0)
		return -1;
	if (credentials->registry_token)
		value = mem_strdup(credentials->registry_token);
	else if (token_fetch(endpoint, challenge, want->scopes, credentials, &value, &ms, err) < 0)
		return -1;
	if (want->push && token_denies_push(value, want->repository)) {
		free(value);
		return may_not_push(endpoint, want, credentials, err);
	}
	keep_token(endpoint, want->scopes, value, ms);
	return 0;
}

static int auth_own_answer(struct endpoint *endpoint, const struct auth_want *want, const struct http_response *refused,
			   const char *sent, struct error **err)
{
	cleanup_challenge struct challenge challenge = { 0 };
	cleanup_buf struct buf now = { 0 };

	/* Another thread may have fetched it meanwhile. */
	header_for(endpoint, want, &now);
	if (now.len > 0 && strcmp(now.data, sent) != 0)
		return 0;
	challenge_parse(refused, &challenge);
	switch (challenge.kind) {
	case CHALLENGE_BEARER:
		return answer_bearer(endpoint, want, &challenge, err);
	case CHALLENGE_BASIC:
		return answer_basic(endpoint, want, sent, err);
	default:
		return error_make(err, ERROR_REGISTRY, "%s refuses access and does not say which login it accepts",
				  endpoint->domain);
	}
}

void auth_header(struct endpoint *endpoint, const struct auth_want *want, struct buf *out)
{
	pthread_mutex_lock(&endpoint->lock);
	header_for(endpoint, want, out);
	pthread_mutex_unlock(&endpoint->lock);
}

int auth_answer(struct endpoint *endpoint, const struct auth_want *want, const struct http_response *refused,
		const char *sent, struct error **err)
{
	int r;

	pthread_mutex_lock(&endpoint->lock);
	r = auth_own_answer(endpoint, want, refused, sent, err);
	pthread_mutex_unlock(&endpoint->lock);
	return r;
}

void auth_remedy(struct endpoint *endpoint, const struct auth_want *want, struct error **err)
{
	const struct credentials *credentials = NULL;

	pthread_mutex_lock(&endpoint->lock);
	if (endpoint->withheld)
		token_explain(endpoint, err);
	else if (endpoint_credentials(endpoint, want->repository, &credentials, NULL) < 0 ||
		 !credentials_any(credentials))
		error_remedy(err, "log in with `cbuild login %s`", endpoint->domain);
	else
		error_remedy(err, "the login from %s has no right to do that", credentials->from);
	pthread_mutex_unlock(&endpoint->lock);
}
