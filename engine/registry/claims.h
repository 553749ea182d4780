#ifndef ENGINE_REGISTRY_CLAIMS_H
#define ENGINE_REGISTRY_CLAIMS_H

#include <stdbool.h>

/* Tracks, for one run, which blobs are in which repositories of a registry and which are being sent there: a blob
 * that several images share is sent once, and the others mount it. Thread-safe. */
struct claims;

struct claims *claims_new(void);
void claims_free(struct claims *claims); /* NULL-safe */

enum claim {
	CLAIM_OURS,     /* no repository has it: send it, then claims_done */
	CLAIM_THERE,    /* it is in this repository */
	CLAIM_ELSEWHERE /* in another one, *ret_from (malloc'd); mount it, then claims_done */
};
/* Waits while another thread sends the same blob. */
enum claim claims_take(struct claims *claims, const char *domain, const char *repository, const char *digest,
		       char **ret_from);
/* Gives back a claim; `there`: the blob is in the repository now. */
void claims_done(struct claims *claims, const char *domain, const char *repository, const char *digest, bool there);

#endif
