#ifndef ENGINE_REGISTRY_ENDPOINT_H
#define ENGINE_REGISTRY_ENDPOINT_H

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "engine/io/http.h"
#include "engine/registry/credentials.h"
#include "engine/registry/trust.h"

struct error;
struct host_settings;
struct loop;
struct manifest;
struct registry_spec;

/* Connection state of one registry: its address, what it is trusted by, our logins. For engine/registry/ alone. */

/* A token and the scopes it was issued for. */
struct auth_token {
	char *scopes; /* as requested */
	char *value;
	uint64_t until_ms; /* of loop_now_ms */
};

/* Our login for one repository. */
struct login {
	char *repository;
	struct credentials credentials;
	struct login *next;
};

struct endpoint {
	struct loop *loop;
	char *domain;        /* "docker.io" */
	char *origin;        /* "https://registry-1.docker.io" */
	char *plain_origin;  /* "http://localhost:5000": if plain HTTP is possible, too; else NULL */
	atomic_bool plain;   /* plain HTTP is used */
	atomic_bool http1;   /* its HTTP/2 has failed */
	atomic_bool settled; /* `plain` is certain, no longer a guess */
	bool loopback;       /* this machine */
	bool insecure;       /* plain HTTP is asked for */
	char **headers;      /* for each request to it; NULL-terminated, or NULL */
	char *realm_origin;  /* another origin that may be sent the login for tokens, or NULL */
	struct trust trust;
	struct http_tls tls;     /* points to it */
	struct http_tls foreign; /* for where it sends us: without our certificate */
	struct http_pool *pool;
	uint64_t timeout_ms;

	pthread_mutex_t reach_lock; /* held during the one attempt */
	bool reach_asked;
	struct error *unreached; /* why it failed, or NULL */

	pthread_mutex_t lock;  /* for what follows, and for trying TLS */
	struct login *logins;  /* those looked up so far */
	struct helped *helped; /* what helpers have said */
	char *withheld;        /* the token server that was not sent the login, or NULL */
	bool basic;            /* it takes passwords directly (Basic) */
	struct auth_token *tokens;
	size_t tokens_len, tokens_cap;
};

/* Its settings from the manifest (which may be NULL), or NULL. */
const struct registry_spec *endpoint_spec(const struct manifest *manifest, const char *domain);
/* The host that serves the images of a registry, and the registry of which a host is that one; both often the same. Borrowed. */
const char *endpoint_host(const char *domain);
const char *endpoint_domain(const char *host);
/* `manifest` (its registries) may be NULL. `settings`: of this machine. ERROR_REGISTRY. */
int endpoint_new(struct loop *loop, const char *domain, const struct manifest *manifest,
		 const struct host_settings *settings, struct http_pool *pool, struct endpoint **ret, struct error **err);
void endpoint_free(struct endpoint *endpoint); /* NULL-safe */
/* Its URL, as far as it is known. */
const char *endpoint_origin(const struct endpoint *endpoint);
/* It does not speak TLS: use plain HTTP from now on. False when that is not allowed. */
bool endpoint_go_plain(struct endpoint *endpoint);
/* Plain HTTP was a guess and failed: use TLS from now on. False when it was not a guess. */
bool endpoint_try_tls(struct endpoint *endpoint);
/* The login, looked up on first use; the lock must be held. ERROR_REGISTRY. Borrowed. */
int endpoint_credentials(struct endpoint *endpoint, const char *repository, const struct credentials **ret,
			 struct error **err);

#endif
