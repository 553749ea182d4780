#ifndef ENGINE_REGISTRY_CREDENTIALS_H
#define ENGINE_REGISTRY_CREDENTIALS_H

#include <stdbool.h>
#include <stdint.h>

struct error;
struct loop;

/*
 * Logins where docker and podman keep them. The file that REGISTRY_AUTH_FILE names is the only one when it is set;
 * otherwise docker's config.json (in DOCKER_CONFIG, else ~/.docker), then podman's auth.json (in XDG_RUNTIME_DIR, then in
 * the user's configuration folder). In each the registry's own helper comes before the common one, and that before what
 * stands in the file itself. Errors are ERROR_REGISTRY and name the file or the helper.
 */
struct credentials {
	char *username, *password;
	char *identity_token; /* for a token server, instead of a password */
	char *registry_token; /* for the registry itself */
	char *from;           /* the file or helper, for messages */
};

/* A helper's answer for one registry: it is asked once. */
struct helped {
	char *helper;
	struct credentials credentials; /* all NULL: it has none */
	struct helped *next;
};
struct credentials_helping {
	uint64_t ms;           /* that a helper may take, where that is more than a minute */
	struct helped **asked; /* helpers of this registry, so far */
};
void helped_free(struct helped *helped); /* NULL-safe: all of them */

/* The login for exactly this registry ("docker.io", "localhost:5000") and repository; all NULL: none. `helping` may be NULL. */
int credentials_find(struct loop *loop, const char *domain, const char *repository,
		     const struct credentials_helping *helping, struct credentials *ret, struct error **err);
void credentials_free(struct credentials *credentials); /* the texts */
#define cleanup_credentials __attribute__((cleanup(credentials_free)))
static inline bool credentials_any(const struct credentials *credentials)
{
	return credentials->username || credentials->identity_token || credentials->registry_token;
}

/* Stores a login where credentials_find looks first: with the helper if one is configured, else in the file.
 * `ret_where` is malloc'd: the file or the helper. */
int credentials_store(struct loop *loop, const char *domain, const struct credentials *credentials, char **ret_where,
		      struct error **err);
/* Removes it there. 1: there was one, 0: not. */
int credentials_erase(struct loop *loop, const char *domain, char **ret_where, struct error **err);

#endif
