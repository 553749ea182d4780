#ifndef CLI_TARGETS_H
#define CLI_TARGETS_H

#include <stdbool.h>
#include <stddef.h>

struct error;
struct session;

/* The targets of a command that makes no plan; needs since_targets. */

/* ERROR_USAGE for a name that is neither a service nor a group. */
int targets_check(const struct session *session, struct error **err);
/* Whether the targets include the service of that number; no targets means all. */
bool targets_want(const struct session *session, size_t service);

#endif
