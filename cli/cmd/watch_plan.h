#ifndef CLI_CMD_WATCH_PLAN_H
#define CLI_CMD_WATCH_PLAN_H

#include <stdbool.h>

#include "cli/options.h"
#include "cli/session.h"

struct error;
struct sync_tree;
struct troupe;

/* A session with the plan of what `watch` builds. */
struct watch_plan {
	struct options options;
	struct session session;
	struct troupe *troupe; /* with --run: what is kept running */
};

/* From the current files, *ret NULL where they have faults: complaints are shown. Asks registries about bases, as a build does. */
int watch_plan_open(const struct options *options, struct watch_plan **ret, struct error **err);
/* The same without showing anything or asking anybody: to see whether something has changed. NULL: the files have faults. */
struct watch_plan *watch_plan_peek(const struct options *options);
/* Makes one of the other. False: it has something to show, and is to be opened anew. Negative: ERROR_*. */
int watch_plan_use(struct watch_plan *plan, const struct options *options, struct error **err);
/* Whether all that it would build anew is what files have changed that the rules of `develop.watch` deal with in every service
 * that runs it. */
bool watch_plan_covered(const struct watch_plan *plan, const struct sync_tree *tree);
void watch_plan_free(struct watch_plan *plan); /* NULL-safe */

#endif
