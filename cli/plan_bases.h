#ifndef CLI_PLAN_BASES_H
#define CLI_PLAN_BASES_H

struct error;
struct session;
struct session_plan;

/* Like session_plan, for a run that builds: asks registries about --pull, and for the ONBUILD of stale builds'
 * bases. With -n nobody is asked. */
int plan_bases(struct session *session, const struct session_plan *want, struct error **err);
/* The same for a session that has a plan. */
int plan_bases_only(struct session *session, struct error **err);

#endif
