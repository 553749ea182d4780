#ifndef ENGINE_REGISTRY_TOKEN_H
#define ENGINE_REGISTRY_TOKEN_H

#include <stdbool.h>
#include <stdint.h>

struct challenge;
struct credentials;
struct endpoint;
struct error;

/* Asks the token server of `challenge` for a token with these scopes. The login is sent only if allowed (auth.h).
 * *ret is malloc'd; *ret_ms: its lifetime. ERROR_REGISTRY. */
/* Adds to an error that the login was not sent to `endpoint->withheld`, and what to do. */
void token_explain(const struct endpoint *endpoint, struct error **err);
/* Whether the token says (JWT, distribution's token specification) that it may not push to the repository. One that cannot be
 * read, or does not say, is taken. */
bool token_denies_push(const char *token, const char *repository);
int token_fetch(struct endpoint *endpoint, const struct challenge *challenge, const char *scopes,
		const struct credentials *credentials, char **ret, uint64_t *ret_ms, struct error **err);

#endif
