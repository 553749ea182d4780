#ifndef CLI_CMD_RUNNING_H
#define CLI_CMD_RUNNING_H

#include <stddef.h>

#include "cli/options.h"
#include "cli/session.h"

struct container;
struct error;
struct runtime;

/* The containers that `up` has started for the manifest in place, for the commands about them. */

/* Those of one runtime. */
struct running_engine {
	struct runtime *runtime;
	struct container **containers;
	size_t len;
};

struct running_all {
	struct options options;
	struct session session;
	struct running_engine *engines;
	size_t len;
};

/* Opens the manifest, and the containers of the first `targets` words of the command line (services or groups; 0: all), in every
 * runtime that works, or in the one given by the options. running_close is needed even on failure. */
int running_open(struct running_all *running, const struct options *options, size_t targets, struct error **err);
void running_close(struct running_all *running);
/* The container of the only service that was named; ERROR_HEALTH when it does not run. */
int running_one(struct running_all *running, struct container **ret, struct error **err);
/* The services of all of them that have one: for whom no container is found, ERROR_HEALTH. */
int running_any(const struct running_all *running, struct error **err);

#endif
