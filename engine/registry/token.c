#include "config.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "base/base64.h"
#include "base/buf.h"
#include "base/error.h"
#include "base/json.h"
#include "base/mem.h"
#include "engine/io/http.h"
#include "engine/registry/challenge.h"
#include "engine/registry/credentials.h"
#include "engine/registry/endpoint.h"
#include "engine/registry/token.h"
#include "engine/registry/url.h"

#define CONNECT_MS 10000
#define TOKEN_ANSWER_MAX (1u << 20)
#define TOKEN_SECONDS 60 /* when the server does not say how long it is valid */
#define TOKEN_SECONDS_MAX 3600

/* A token server, and whether it may see the login. */
struct server {
	char *origin;
	bool own; /* it may be sent the login */
};

static void server_cleanup(struct server *server)
{
	free(server->origin);
}

static int token_look_at(const struct endpoint *endpoint, const char *realm, struct server *ret, struct error **err)
{
	const char *own = endpoint_origin(endpoint);
	bool safe;

	ret->origin = realm ? url_origin(realm) : NULL;
	if (!ret->origin)
		return error_make(err, ERROR_REGISTRY, "%s does not say where its tokens come from", endpoint->domain);
	ret->own = strcmp(ret->origin, own) == 0 ||
		   (endpoint->realm_origin && strcmp(ret->origin, endpoint->realm_origin) == 0);
	/* A foreign registry must not make us call servers on this machine. */
	safe = strncmp(ret->origin, "https://", 8) == 0 ? !url_loopback(ret->origin) || endpoint->loopback
							: url_loopback(ret->origin) && endpoint->loopback;
	if (!ret->own && !safe)
		return error_make(err, ERROR_REGISTRY, "%s asks for a token from %s, which is not safe",
				  endpoint->domain, ret->origin);
	return 0;
}

static void add_scopes(struct buf *out, const char *scopes, bool query)
{
	/* One parameter for each scope in a query, a single one in a form. */
	for (const char *at = scopes; *at;) {
		size_t len = strcspn(at, " ");
		cleanup_free char *scope = mem_strndup(at, query ? len : strlen(at));

		buf_str(out, "&scope=");
		url_escape(out, scope);
		at += query ? len + (at[len] == ' ') : strlen(at);
	}
}

static void add_parameter(struct buf *out, const char *name, const char *value)
{
	buf_printf(out, "%s%s=", out->len ? "&" : "", name);
	url_escape(out, value);
}

static char *basic_header(const struct credentials *credentials)
{
	cleanup_free char *plain = mem_printf("%s:%s", credentials->username, credentials->password);
	struct buf header = { 0 };

	buf_str(&header, "Authorization: Basic ");
	base64_encode(plain, strlen(plain), &header);
	return buf_steal(&header);
}

static int token_ask(struct endpoint *endpoint, const struct challenge *challenge, const char *scopes, bool own,
		     const struct credentials *credentials, struct http_response *ret, struct error **err)
{
	bool identity = credentials && credentials->identity_token;
	cleanup_free char *basic = !identity && credentials && credentials->username ? basic_header(credentials) : NULL;
	const char *const plain[] = { basic, NULL };
	const char *const form[] = { "Content-Type: application/x-www-form-urlencoded", NULL };
	const char *service = challenge->service ? challenge->service : "";
	cleanup_buf struct buf url = { 0 }, body = { 0 };
	struct http_request request = {
		.connect_ms = CONNECT_MS,
		.total_ms = endpoint->timeout_ms,
		.body_fd = -1,
		.body_max = TOKEN_ANSWER_MAX,
		.pool = endpoint->pool,
		.tls = own ? &endpoint->tls : &endpoint->foreign,
		.proxy = !url_loopback(challenge->realm),
		.http2 = true,
	};

	buf_str(&url, challenge->realm);
	if (identity) {
		add_parameter(&body, "grant_type", "refresh_token");
		add_parameter(&body, "service", service);
		add_parameter(&body, "client_id", "cbuild");
		add_parameter(&body, "refresh_token", credentials->identity_token);
		add_scopes(&body, scopes, false);
		request.method = "POST";
		request.headers = form;
		request.body = body.data;
		request.body_len = body.len;
	} else {
		buf_str(&url, strchr(challenge->realm, '?') ? "&service=" : "?service=");
		url_escape(&url, service);
		add_scopes(&url, scopes, true);
		request.method = "GET";
		request.headers = plain;
	}
	request.url = url.data;
	return http_do(endpoint->loop, &request, ret, err);
}

/* It becomes part of a header, so check it. */
static bool token_fit(const char *token)
{
	for (const char *c = token; *c; c++) {
		if (*c <= ' ' || *c == 127 || (unsigned char)*c > 127)
			return false;
	}
	return *token != '\0';
}

static int read_token(const struct http_response *response, const char *origin, char **ret, uint64_t *ret_ms,
		      struct error **err)
{
	cleanup_json struct json *answer = NULL;
	const char *token;
	int64_t seconds;

	if (response->cut || json_parse(response->body->data, response->body->len, origin, &answer, NULL) < 0)
		return error_make(err, ERROR_REGISTRY, "the token server %s does not answer in JSON", origin);
	token = json_str(answer, "token");
	token = token ? token : json_str(answer, "access_token");
	if (!token || !token_fit(token))
		return error_make(err, ERROR_REGISTRY, "the token server %s answers without a token", origin);
	seconds = json_int(answer, "expires_in");
	if (seconds <= 0)
		seconds = TOKEN_SECONDS;
	else if (seconds > TOKEN_SECONDS_MAX)
		seconds = TOKEN_SECONDS_MAX;
	*ret = mem_strdup(token);
	*ret_ms = (uint64_t)seconds * 1000;
	return 0;
}

static bool allows_push(const struct json *access, const char *repository)
{
	for (size_t i = 0; i < json_len(access); i++) {
		const struct json *entry = json_at(access, i), *actions = json_get(entry, "actions");
		const char *name = json_str(entry, "name");

		if (!name || strcmp(name, repository) != 0)
			continue;
		for (size_t j = 0; j < json_len(actions); j++) {
			const char *action = json_text(json_at(actions, j));

			if (action && (strcmp(action, "push") == 0 || strcmp(action, "*") == 0))
				return true;
		}
	}
	return false;
}

bool token_denies_push(const char *token, const char *repository)
{
	cleanup_json struct json *claims = NULL;
	cleanup_buf struct buf text = { 0 };
	const char *dot = strchr(token, '.');
	cleanup_free char *part = dot ? mem_strndup(dot + 1, strcspn(dot + 1, ".")) : NULL;
	const struct json *access;

	if (!part)
		return false;
	for (char *c = part; *c; c++) /* base64url */
		*c = *c == '-' ? '+' : *c == '_' ? '/' : *c;
	if (!base64_decode(part, &text) || text.len == 0 || json_parse(text.data, text.len, "token", &claims, NULL) < 0)
		return false;
	access = json_get(claims, "access");
	return json_is_array(access) && !allows_push(access, repository);
}

void token_explain(const struct endpoint *endpoint, struct error **err)
{
	error_remedy(
		err,
		"the login for %s was not sent to %s; if its tokens come from there, say so in the manifest: registries: {\"%s\": {auth: \"%s\"}}",
		endpoint->domain, endpoint->withheld, endpoint->domain, endpoint->withheld);
}

int token_fetch(struct endpoint *endpoint, const struct challenge *challenge, const char *scopes,
		const struct credentials *credentials, char **ret, uint64_t *ret_ms, struct error **err)
{
	__attribute__((cleanup(server_cleanup))) struct server server = { 0 };
	cleanup_http struct http_response response = { 0 };
	struct error *error = NULL;
	bool withheld;

	if (token_look_at(endpoint, challenge->realm, &server, err) < 0)
		return -1;
	withheld = !server.own && credentials_any(credentials);
	if (withheld && !endpoint->withheld)
		endpoint->withheld = mem_strdup(server.origin);
	if (withheld && !*scopes) { /* the login itself is being checked */
		error_make(err, ERROR_REGISTRY, "the tokens of %s come from %s", endpoint->domain, server.origin);
		token_explain(endpoint, err);
		return -1;
	}
	if (token_ask(endpoint, challenge, scopes, server.own, server.own ? credentials : NULL, &response, &error) < 0) {
		enum error_class cls = error->cls == ERROR_HEALTH ? ERROR_REGISTRY : error->cls;
		struct error *renamed = NULL;

		error_make(&renamed, cls, "the token server %s: %s", server.origin, error->message);
		renamed->transient = error->transient;
		error_free(error);
		return error_move(err, &renamed);
	}
	if (response.status == 200)
		return read_token(&response, server.origin, ret, ret_ms, err);
	error_make(&error, ERROR_REGISTRY, "the token server %s answers with status %ld", server.origin, response.status);
	error->transient = response.status == 429 || response.status >= 500;
	if (!error->transient && withheld)
		token_explain(endpoint, &error);
	else if (!error->transient)
		error_remedy(&error, "log in with `cbuild login %s`", endpoint->domain);
	return error_move(err, &error);
}
