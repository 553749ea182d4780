#include "config.h"

#include <ctype.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/buf.h"
#include "engine/builder/args.h"
#include "engine/builder/builder.h"
#include "engine/io/proc.h"

static bool starts(const char *text, const char *prefix)
{
	return strncmp(text, prefix, strlen(prefix)) == 0;
}

/* Prefixes of variables that container tools, Go programs, ssh, git and the dynamic linker read. */
static bool meant_for_tools(const char *name)
{
	static const char *const prefixes[] = {
		"AWS_",        "AZURE_",   "BUILDAH",
		"BUILDKIT",    "BUILDX",   "CNI_",
		"CONTAINER",   "COMPOSE_", "DBUS_",
		"DOCKER",      "GIT_",     "GO",
		"GOOGLE_",     "GPG",      "GRPC_",
		"HOME",        "HTTP",     "KUBE",
		"LANG",        "LC_",      "LD_",
		"LISTEN_",     "LOG",      "MALLOC",
		"NETAVARK",    "NO_",      "NOTIFY_",
		"OCI_",        "OTEL_",    "PATH",
		"REGISTRY",    "REMOTE",   "SOURCE_DATE_EPOCH",
		"SSH_",        "SSL_",     "STORAGE_",
		"TEMP",        "TERM",     "TMP",
		"TRACEPARENT", "TZ",       "USER",
		"XDG_",        "_",
	};

	for (size_t i = 0; i < sizeof(prefixes) / sizeof(*prefixes); i++)
		if (starts(name, prefixes[i]))
			return true;
	return false;
}

static bool is_name(const char *name)
{
	if (!isalpha((unsigned char)*name) && *name != '_')
		return false;
	for (; *name; name++)
		if (!isalnum((unsigned char)*name) && *name != '_')
			return false;
	return true;
}

bool args_environment_safe(const char *name)
{
	size_t len = strlen(name);

	if (!is_name(name) || meant_for_tools(name) || getenv(name))
		return false;
	return len < 6 || (strcmp(name + len - 6, "_proxy") != 0 && strcmp(name + len - 6, "_PROXY") != 0);
}

/* The child inherits it from our environment, so its value need not be passed. */
static bool holds(const struct argv *env, const struct build_pair *arg)
{
	size_t len = strlen(arg->key);
	const char *value = NULL;

	for (size_t i = 0; i < env->len; i++) {
		if (strncmp(env->items[i], arg->key, len) == 0 && env->items[i][len] == '=')
			value = env->items[i] + len + 1;
	}
	return value && is_name(arg->key) && strcmp(value, arg->value) == 0;
}

void args_secrets(const struct build_job *job, struct argv *argv, struct argv *env)
{
	for (size_t i = 0; i < job->secrets_len; i++) {
		const struct build_secret_source *secret = &job->secrets[i];

		if (secret->file) {
			argv_addf(argv, "--secret=id=%s,src=%s", secret->id, secret->file);
		} else {
			argv_addf(argv, "--secret=id=%s,env=CBUILD_SECRET_%zu", secret->id, i);
			argv_addf(env, "CBUILD_SECRET_%zu=%s", i, secret->value);
		}
	}
	for (size_t i = 0; i < job->ssh_len; i++)
		argv_addf(argv, "--ssh=%s%s%s", job->ssh[i].key, *job->ssh[i].value ? "=" : "", job->ssh[i].value);
}

void args_common(const struct build_job *job, struct argv *argv, struct argv *env)
{
	if (job->target)
		argv_addf(argv, "--target=%s", job->target);
	if (job->network)
		argv_addf(argv, "--network=%s", job->network);
	if (job->shm_size)
		argv_addf(argv, "--shm-size=%" PRIu64 "b", job->shm_size);
	for (size_t i = 0; job->hosts && job->hosts[i]; i++)
		argv_addf(argv, "--add-host=%s", job->hosts[i]);
	for (size_t i = 0; job->ulimits && job->ulimits[i]; i++)
		argv_addf(argv, "--ulimit=%s", job->ulimits[i]);
	if (job->cgroup_parent)
		argv_addf(argv, "--cgroup-parent=%s", job->cgroup_parent);
	args_secrets(job, argv, env);
	for (size_t i = 0; i < job->args_len; i++) {
		const struct build_pair *arg = &job->args[i];

		if (holds(env, arg)) {
			argv_addf(argv, "--build-arg=%s", arg->key);
		} else if (args_environment_safe(arg->key)) {
			argv_addf(argv, "--build-arg=%s", arg->key);
			argv_addf(env, "%s=%s", arg->key, arg->value);
		} else {
			argv_addf(argv, "--build-arg=%s=%s", arg->key, arg->value);
		}
	}
	for (size_t i = 0; i < job->labels_len; i++)
		argv_addf(argv, "--label=%s=%s", job->labels[i].key, job->labels[i].value);
	for (size_t i = 0; i < job->contexts_len; i++)
		argv_addf(argv, "--build-context=%s=%s", job->contexts[i].name, job->contexts[i].value);
}

void args_environment(const struct build_job *job, const char *without, struct argv *env)
{
	for (char **item = environ; *item; item++)
		if (!(without && starts(*item, without)) && !starts(*item, "LC_ALL=") && !starts(*item, "LANGUAGE=") &&
		    !starts(*item, "SOURCE_DATE_EPOCH="))
			argv_add(env, *item);
	argv_add(env, "LC_ALL=C");
	if (job && job->has_epoch)
		argv_addf(env, "SOURCE_DATE_EPOCH=%" PRId64, job->epoch);
}

void args_set(struct argv *env, const char *name, const char *value)
{
	size_t len = strlen(name), kept = 0;

	for (size_t i = 0; i < env->len; i++) {
		if (strncmp(env->items[i], name, len) == 0 && env->items[i][len] == '=')
			free(env->items[i]);
		else
			env->items[kept++] = env->items[i];
	}
	env->len = kept;
	if (env->items)
		env->items[kept] = NULL;
	if (value)
		argv_addf(env, "%s=%s", name, value);
}

void args_csv(struct buf *out, const char *field)
{
	bool quoted = strpbrk(field, ",\"\n") != NULL;

	if (out->len > 0)
		buf_char(out, ',');
	if (quoted)
		buf_char(out, '"');
	for (; *field; field++) {
		if (*field == '"')
			buf_char(out, '"');
		buf_char(out, *field);
	}
	if (quoted)
		buf_char(out, '"');
}
