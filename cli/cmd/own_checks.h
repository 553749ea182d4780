#ifndef CLI_CMD_OWN_CHECKS_H
#define CLI_CMD_OWN_CHECKS_H

#include <stdint.h>

struct builder;
struct error;
struct node;
struct session;

/* The builder's own checks of Dockerfiles, for `cbuild check`. */

/* The builder that would build, when it has checks: *ret (the caller's), else NULL. ERROR_TOOL when one was asked for that
 * cannot be used; one that would only be preferred is left out, and that is noted. */
int own_checks_open(struct session *session, struct builder **ret, struct error **err);
/* Adds what it says of a build node's Dockerfile, which is the source `file` of the session's complaints; not what is complained
 * about already. ERROR_TOOL when it gives no answer. */
int own_checks_add(struct builder *builder, struct session *session, const struct node *node, uint32_t file,
		   struct error **err);

#endif
