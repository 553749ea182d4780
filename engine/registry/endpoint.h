#ifndef ENGINE_REGISTRY_ENDPOINT_H
#define ENGINE_REGISTRY_ENDPOINT_H

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "engine/io/http.h"
#include "engine/registry/credentials.h"

struct error;
struct loop;
struct manifest;
struct registry_spec;

/* One registry as it is talked to: where it is, what it is trusted by, who we are there. For engine/registry/ alone. */

/* A token that was given out for some scopes. */
struct auth_token {
	char *scopes; /* as asked for */
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
	char *plain_origin;  /* "http://localhost:5000": on this machine, where it may be so; else NULL */
	atomic_bool plain;   /* it is talked to by plain HTTP */
	atomic_bool http1;   /* its HTTP/2 has failed */
	atomic_bool settled; /* that is known, and not only guessed */
	bool loopback;       /* this machine */
	bool insecure;       /* the manifest says that plain HTTP will do */
	char *realm_origin;  /* where tokens may be fetched with the login besides `origin`, or NULL */
	char *ca, *cert, *key;
	struct http_tls tls; /* points to these */
	struct http_pool *pool;
	uint64_t timeout_ms;

	pthread_mutex_t lock; /* for what follows */
	struct login *logins; /* as far as they were asked for */
	char *withheld;       /* the token server that was not shown the login, or NULL */
	bool basic;           /* it takes passwords as they are */
	struct auth_token *tokens;
	size_t tokens_len, tokens_cap;
};

/* Its settings from the manifest (which may be NULL), or NULL. */
const struct registry_spec *endpoint_spec(const struct manifest *manifest, const char *domain);
/* `manifest` (its registries) may be NULL. ERROR_REGISTRY. */
int endpoint_new(struct loop *loop, const char *domain, const struct manifest *manifest, struct http_pool *pool,
		 struct endpoint **ret, struct error **err);
void endpoint_free(struct endpoint *endpoint); /* NULL-safe */
/* Its URL, as far as known. */
const char *endpoint_origin(const struct endpoint *endpoint);
/* A registry on this machine does not speak TLS: use plain HTTP from now on. False when it is on another machine. */
bool endpoint_go_plain(struct endpoint *endpoint);
/* Plain HTTP was a guess and failed: use TLS from now on. False when it was not a guess. */
bool endpoint_try_tls(struct endpoint *endpoint);
/* The login, found on first use; with the lock held. ERROR_REGISTRY. Borrowed. */
int endpoint_credentials(struct endpoint *endpoint, const char *repository, const struct credentials **ret,
			 struct error **err);

#endif
