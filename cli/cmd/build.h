#ifndef CLI_CMD_BUILD_H
#define CLI_CMD_BUILD_H

#include <stdbool.h>

struct error;
struct session;

/* Removes what killed runs left, if anything. */
int build_sweep(struct session *session, struct error **err);
/* True when something in the session's plan is stale. Otherwise saves the hashes. */
bool build_needed(struct session *session);
/* Runs what is stale in the session's plan, and reports it. Returns the exit status. */
int build_execute(struct session *session, struct error **err);

#endif
