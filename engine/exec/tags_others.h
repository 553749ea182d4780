#ifndef ENGINE_EXEC_TAGS_OTHERS_H
#define ENGINE_EXEC_TAGS_OTHERS_H

#include <stdbool.h>
#include <stddef.h>

#include "base/digest.h"
#include "base/platform.h"

struct error;
struct layout;
struct plan;
struct registry;
struct tags_held;

/* Pushes of fewer platforms than a tag has in the registry, before anything is built. */
struct tags_others;

/* An image for a platform that this run does not make. */
struct tags_other {
	struct platform platform;
	char digest[DIGEST_LEN + 1];
	char attestation[DIGEST_LEN + 1]; /* or "" */
};

/*
 * Reads what those tags hold that this run will move to fewer platforms: --platforms leaves some out, or the manifest says none. What it
 * has no more may go. Without `merge` such a tag is an error (ERROR_REGISTRY, with its platforms). With it, *ret (the caller's) has the
 * images that the first tag of each service has for the others, and their manifests are in the layout; a further tag that would still
 * lose one stays as it is.
 */
int tags_others_find(const struct plan *plan, struct registry *registry, struct layout *layout,
		     const struct tags_held *held, bool merge, struct tags_others **ret, struct error **err);
void tags_others_free(struct tags_others *others); /* NULL-safe */

/* The images to add to what a push node pushes; NULL when there are none. NULL-safe. */
const struct tags_other *tags_others_of(const struct tags_others *others, size_t push, size_t *ret_len);
/* Whether the tag stays as it is. NULL-safe. */
bool tags_others_keep(const struct tags_others *others, const char *reference);

#endif
