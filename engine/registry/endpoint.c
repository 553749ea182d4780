#include "config.h"

#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/mem.h"
#include "dsl/manifest.h"
#include "engine/registry/endpoint.h"
#include "engine/registry/place.h"
#include "engine/registry/url.h"

#define TIMEOUT_MS 30000 /* default, unless the manifest sets it */

/* Registries whose images are named after one host and served by another, and whose tokens come from a third. */
static const struct {
	const char *domain, *host, *realm;
} known[] = {
	{ "docker.io", "registry-1.docker.io", "https://auth.docker.io" },
	{ "registry.gitlab.com", "registry.gitlab.com", "https://gitlab.com" },
};

const char *endpoint_host(const char *domain)
{
	for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++)
		if (strcmp(domain, known[i].domain) == 0)
			return known[i].host;
	return domain;
}

const char *endpoint_domain(const char *host)
{
	for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++)
		if (strcmp(host, known[i].host) == 0)
			return known[i].domain;
	return host;
}

const struct registry_spec *endpoint_spec(const struct manifest *manifest, const char *domain)
{
	for (size_t i = 0; manifest && i < manifest->registries_len; i++) {
		if (strcmp(manifest->registries[i].host.s, domain) == 0)
			return &manifest->registries[i];
	}
	return NULL;
}

static void apply_settings(struct endpoint *endpoint, const struct host_settings *settings)
{
	endpoint->insecure = settings->plain;
	endpoint->tls.unverified = settings->unverified;
	endpoint->headers = mem_array(settings->headers_len + 1, sizeof(*endpoint->headers));
	for (size_t i = 0; i < settings->headers_len; i++)
		endpoint->headers[i] = mem_strdup(settings->headers[i]);
}

static void apply_spec(struct endpoint *endpoint, const struct registry_spec *spec)
{
	endpoint->insecure |= spec->insecure;
	endpoint->timeout_ms = spec->timeout_ms;
	if (spec->auth.s) {
		free(endpoint->realm_origin);
		endpoint->realm_origin = url_origin(spec->auth.s);
	}
}

static void find_origin(struct endpoint *endpoint)
{
	cleanup_free char *url =
		mem_printf("%s://%s", endpoint->insecure ? "http" : "https", endpoint_host(endpoint->domain));

	endpoint->origin = url_origin(url);
	for (size_t i = 0; i < sizeof(known) / sizeof(known[0]) && !endpoint->realm_origin; i++)
		if (strcmp(endpoint->domain, known[i].domain) == 0)
			endpoint->realm_origin = mem_strdup(known[i].realm);
}

/* Whether plain HTTP may be used, and is tried first. */
static void find_plain_origin(struct endpoint *endpoint, const struct host_settings *settings)
{
	bool guess = endpoint->loopback && endpoint->trust.ca_len == 0 && !endpoint->trust.cert;

	if (!endpoint->insecure && (endpoint->loopback || settings->fallback))
		endpoint->plain_origin = mem_printf("http://%s", endpoint->domain);
	/* Loading the system's authorities takes longer than a whole exchange with a registry on this machine. */
	atomic_init(&endpoint->plain, endpoint->plain_origin && guess);
}

int endpoint_new(struct loop *loop, const char *domain, const struct manifest *manifest,
		 const struct host_settings *settings, struct http_pool *pool, struct endpoint **ret, struct error **err)
{
	const struct registry_spec *spec = endpoint_spec(manifest, domain);
	struct endpoint *endpoint = mem_alloc(sizeof(*endpoint));

	*endpoint = (struct endpoint){
		.loop = loop,
		.domain = mem_strdup(domain),
		.pool = pool,
		.loopback = url_loopback(domain),
		.timeout_ms = TIMEOUT_MS,
	};
	pthread_mutex_init(&endpoint->lock, NULL);
	pthread_mutex_init(&endpoint->reach_lock, NULL);
	apply_settings(endpoint, settings);
	if (spec)
		apply_spec(endpoint, spec);
	find_origin(endpoint);
	if (!endpoint->origin) {
		endpoint_free(endpoint);
		return error_make(err, ERROR_REGISTRY, "\"%s\" is not the host of a registry", domain);
	}
	if (trust_find(domain, spec, settings, &endpoint->trust, err) < 0) {
		endpoint_free(endpoint);
		return -1;
	}
	find_plain_origin(endpoint, settings);
	endpoint->tls.authorities = &endpoint->trust.pem;
	endpoint->foreign.authorities = &endpoint->trust.pem;
	endpoint->tls.cert = endpoint->trust.cert;
	endpoint->tls.key = endpoint->trust.key;
	*ret = endpoint;
	return 0;
}

void endpoint_free(struct endpoint *endpoint)
{
	if (!endpoint)
		return;
	for (size_t i = 0; i < endpoint->tokens_len; i++) {
		free(endpoint->tokens[i].scopes);
		free(endpoint->tokens[i].value);
	}
	free(endpoint->tokens);
	while (endpoint->logins) {
		struct login *next = endpoint->logins->next;

		credentials_free(&endpoint->logins->credentials);
		free(endpoint->logins->repository);
		free(endpoint->logins);
		endpoint->logins = next;
	}
	helped_free(endpoint->helped);
	pthread_mutex_destroy(&endpoint->lock);
	pthread_mutex_destroy(&endpoint->reach_lock);
	error_free(endpoint->unreached);
	free(endpoint->domain);
	free(endpoint->origin);
	free(endpoint->plain_origin);
	free(endpoint->realm_origin);
	free(endpoint->withheld);
	for (char **header = endpoint->headers; header && *header; header++)
		free(*header);
	free(endpoint->headers);
	trust_free(&endpoint->trust);
	free(endpoint);
}

const char *endpoint_origin(const struct endpoint *endpoint)
{
	return atomic_load(&endpoint->plain) ? endpoint->plain_origin : endpoint->origin;
}

bool endpoint_go_plain(struct endpoint *endpoint)
{
	if (!endpoint->plain_origin)
		return false;
	atomic_store(&endpoint->plain, true);
	return true;
}

bool endpoint_try_tls(struct endpoint *endpoint)
{
	bool tls;

	if (!endpoint->plain_origin)
		return false;
	pthread_mutex_lock(&endpoint->lock); /* several requests may find out at once */
	if (!atomic_exchange(&endpoint->settled, true))
		atomic_store(&endpoint->plain, false);
	tls = !atomic_load(&endpoint->plain);
	pthread_mutex_unlock(&endpoint->lock);
	return tls;
}

int endpoint_credentials(struct endpoint *endpoint, const char *repository, const struct credentials **ret,
			 struct error **err)
{
	struct login *login = endpoint->logins;

	while (login && strcmp(login->repository, repository) != 0)
		login = login->next;
	if (!login) {
		const struct credentials_helping helping = { endpoint->timeout_ms, &endpoint->helped };
		struct credentials found;

		if (credentials_find(endpoint->loop, endpoint->domain, repository, &helping, &found, err) < 0)
			return -1;
		login = mem_alloc(sizeof(*login));
		*login = (struct login){ mem_strdup(repository), found, endpoint->logins };
		endpoint->logins = login;
	}
	*ret = &login->credentials;
	return 0;
}
