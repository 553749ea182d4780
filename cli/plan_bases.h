#ifndef CLI_PLAN_BASES_H
#define CLI_PLAN_BASES_H

struct error;
struct session;
struct session_plan;

/* As session_plan, for a run that builds: registries are asked what --pull asks for, and what the bases of stale builds do on build.
 * With -n nobody is asked. */
int plan_bases(struct session *session, const struct session_plan *want, struct error **err);

#endif
