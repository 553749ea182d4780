#ifndef CLI_UP_H
#define CLI_UP_H

#include <stdbool.h>
#include <stddef.h>

struct error;
struct options;
struct session;

/* `up` for the commands that use it. */

/* Builds what is stale of the targets and what they depend on, for this machine, and starts them. `detach`: they go on.
 * Returns the exit status. */
int up_services(const struct options *options, bool detach, struct error **err);
/* Ends the services (NULL-terminated; none: all) in every runtime that works, or in the one that the options name.
 * *ret_ended counts the containers. */
int up_end(struct session *session, const char *const *services, size_t *ret_ended, struct error **err);

#endif
