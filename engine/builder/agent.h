#ifndef ENGINE_BUILDER_AGENT_H
#define ENGINE_BUILDER_AGENT_H

struct error;
struct loop;

/* An ssh agent (OpenSSH's) with a single key, for builds that are given a key file instead of an agent. */
struct agent;

/* Starts it. In a task. ERROR_TOOL when ssh-agent or ssh-add is missing or
 * refuses the key. */
int agent_start(struct loop *loop, const char *key, struct agent **ret, struct error **err);
const char *agent_socket(const struct agent *agent); /* path; borrowed */
void agent_stop(struct agent *agent);                /* NULL-safe */

#endif
