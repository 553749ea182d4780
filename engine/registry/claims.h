#ifndef ENGINE_REGISTRY_CLAIMS_H
#define ENGINE_REGISTRY_CLAIMS_H

#include <stdbool.h>

/* Which blobs are in which repositories of a registry, as far as one run knows, and which are on their way there: what
 * several images share is sent once, and taken from there by the others. Thread-safe. */
struct claims;

struct claims *claims_new(void);
void claims_free(struct claims *claims); /* NULL-safe */

enum claim {
	CLAIM_OURS,     /* nobody has it: send it, then claims_done */
	CLAIM_THERE,    /* it is in this repository */
	CLAIM_ELSEWHERE /* it is in another one, *ret_from (malloc'd); then claims_done */
};
/* Waits while another thread sends the same blob. */
enum claim claims_take(struct claims *claims, const char *domain, const char *repository, const char *digest,
		       char **ret_from);
/* Gives back a claim; `there`: the blob is in the repository now. */
void claims_done(struct claims *claims, const char *domain, const char *repository, const char *digest, bool there);

#endif
