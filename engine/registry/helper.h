#ifndef ENGINE_REGISTRY_HELPER_H
#define ENGINE_REGISTRY_HELPER_H

#include <stdint.h>

struct credentials;
struct error;
struct loop;

/* Credential helpers, docker's programs docker-credential-NAME. Each call takes at most a minute, its answer at most 64
 * KiB. Errors are ERROR_REGISTRY and name the helper, with the first line of what it printed, without what may be a secret. */

/* 1: a login was found; 0: not. `ms`: more than a minute, or 0. */
int helper_get(struct loop *loop, const char *helper, const char *server, uint64_t ms, struct credentials *ret,
	       struct error **err);
int helper_store(struct loop *loop, const char *helper, const char *server, const struct credentials *credentials,
		 struct error **err);
/* 1: it was removed; 0: there was none. */
int helper_erase(struct loop *loop, const char *helper, const char *server, struct error **err);

#endif
