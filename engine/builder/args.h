#ifndef ENGINE_BUILDER_ARGS_H
#define ENGINE_BUILDER_ARGS_H

#include <stdbool.h>

struct argv;
struct buf;
struct build_job;

/* Arguments and environment that all builders' commands share. */

/* Adds --target, --network, --shm-size, --add-host, --secret, --ssh, --build-context of folders, --label and
 * --build-arg to `argv`. Secrets that are not files, and where possible the values of build arguments, are passed
 * in `env`, which other users of the machine cannot read. */
void args_common(const struct build_job *job, struct argv *argv, struct argv *env);
/* Only --secret and --ssh. */
void args_secrets(const struct build_job *job, struct argv *argv, struct argv *env);
/* The environment of the job's children without what args_common adds: ours, in the C locale, with
 * SOURCE_DATE_EPOCH only from the job, without variables that begin with `without` ("NAME="; NULL: none). */
void args_environment(const struct build_job *job, const char *without, struct argv *env);
/* Sets a variable in an environment, or removes it (`value` NULL). */
void args_set(struct argv *env, const char *name, const char *value);
/* True when a build argument of that name may be passed in the environment of a builder's client: neither the
 * client nor its libraries and helpers read such a variable. */
bool args_environment_safe(const char *name);

/* Appends a comma-separated field, quoted if necessary. */
void args_csv(struct buf *out, const char *field);

#endif
