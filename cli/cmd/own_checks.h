#ifndef CLI_CMD_OWN_CHECKS_H
#define CLI_CMD_OWN_CHECKS_H

#include <stddef.h>
#include <stdint.h>

struct builder;
struct error;
struct node;
struct session;

/* The builder's own checks of Dockerfiles, for `cbuild check`. */

/* Opens the builder that would build, if it has checks: *ret (the caller's), else NULL. ERROR_TOOL when a requested
 * one cannot be used; one that is only preferred is skipped, with a note. */
int own_checks_open(struct session *session, struct builder **ret, struct error **err);
/* Adds its findings about a build node's Dockerfile, the source `file` of the session's complaints, except those
 * already complained about; *ret_found counts those, too. ERROR_TOOL when it gives no answer. */
int own_checks_add(struct builder *builder, struct session *session, const struct node *node, uint32_t file,
		   size_t *ret_found, struct error **err);

#endif
