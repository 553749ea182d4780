#ifndef ENGINE_BUILDER_ARGS_H
#define ENGINE_BUILDER_ARGS_H

#include <stdbool.h>

struct argv;
struct buf;
struct build_job;

/* What the command lines of all builders have in common. */

/* Adds --target, --network, --shm-size, --add-host, --secret, --ssh, --build-context of folders, --label and --build-arg
 * to `argv`. A secret that is no file, and a build argument's value where that is
 * possible, are handed over in `env`, which other users of the machine cannot read. */
void args_common(const struct build_job *job, struct argv *argv, struct argv *env);
/* Of these --secret and --ssh alone. */
void args_secrets(const struct build_job *job, struct argv *argv, struct argv *env);
/* The environment of the job's children but for what args_common adds: ours, in the C locale,
 * SOURCE_DATE_EPOCH only as the job has it, without those that begin with `without` ("NAME="; NULL: all). */
void args_environment(const struct build_job *job, const char *without, struct argv *env);
/* Sets the variable in an environment, or takes it out of it (`value` NULL). */
void args_set(struct argv *env, const char *name, const char *value);
/* True when a build argument of that name can stand in the environment of a builder's client: it is no
 * variable that the client, its libraries or its helpers might look at. */
bool args_environment_safe(const char *name);

/* Appends a field of comma separated values, quoted where it must be. */
void args_csv(struct buf *out, const char *field);

#endif
