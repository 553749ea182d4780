#ifndef CLI_CMD_UP_SERVICES_H
#define CLI_CMD_UP_SERVICES_H

#include <stdbool.h>
#include <stddef.h>

#include "base/platform.h"
#include "cli/options.h"

struct error;
struct loop;
struct plan;
struct session;
struct up;

/* `up` for the commands that use it. */

/* The options for starting services: this machine's platform, unless another is requested; others cannot be started
 * here. */
struct up_here {
	struct options options;
	char platform[PLATFORM_TEXT];
	const char *platforms[2];
};
void up_here(const struct options *options, struct up_here *ret);

/* Builds what is stale of the targets and their dependencies, for this machine, and starts them. `detach`: leaves
 * them running. Returns the exit status. */
int up_services(const struct options *options, bool detach, char *key, struct error **err);
/* The services to run, in start order: dependencies first, each once. */
struct troupe;
/* Those of the session's targets. Call troupe_free even on failure. */
int troupe_gather(struct session *session, struct troupe **ret, struct error **err);
const char *const *
troupe_built(const struct troupe *troupe); /* targets of a plan: those with a build. NULL-terminated, borrowed */
void troupe_free(struct troupe *troupe);   /* NULL-safe */
/* The files that rules of its services are about (sync_tree_take; free with sync_tree_free), which borrow from it and from the plan; whether the service, an index into
 * the manifest's, is one of them. */
struct sync_tree;
int troupe_look(const struct troupe *troupe, const struct plan *plan, struct sync_tree **ret, struct error **err);
bool troupe_has(const struct troupe *troupe, size_t service);

/* Starts what the session's plan has built, and keeps it running until the loop is cancelled; or, with `only_follow`, shows what
 * goes on running. Returns 0 then, 128 and its number when a signal came, or negative: what was started is ended. */
struct up_left;
struct up_keep {
	struct up_left *left; /* up_run.h */
	bool only_follow;
	bool told; /* addresses and keys without effect were shown by an earlier one */
	/* Both on the loop's thread: before anything else, and once all are healthy. */
	int (*begin)(void *data, struct loop *loop, struct error **err);
	void (*ready)(void *data, struct up *up); /* `up`: for up_sync, until up_keep returns */
	void *data;
};
int up_keep(struct session *session, struct troupe *troupe, const struct up_keep *keep, struct error **err);
/* Builds and starts what the service of the command line's first word needs, and makes a container of it for the other words
 * (none: its own command): *ret is the command that runs it. */
struct argv;
int up_alone(const struct options *options, struct argv *ret, struct error **err);
/* up_lock, once no other cbuild has it; says that it waits. */
int up_wait(struct session *session, int *ret_lock, struct error **err);
/* Ends the services (NULL-terminated; none: all) in every runtime that works, or in the one given by the options.
 * *ret_ended counts the containers. */
int up_end(struct session *session, const char *const *services, size_t *ret_ended, struct error **err);

#endif
