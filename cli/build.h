#ifndef CLI_BUILD_H
#define CLI_BUILD_H

struct error;
struct session;

/* Removes what killed runs left, when there is something. */
int build_sweep(struct session *session, struct error **err);
/* Runs what is stale in the session's plan, and shows it. Returns the exit status. */
int build_execute(struct session *session, struct error **err);

#endif
