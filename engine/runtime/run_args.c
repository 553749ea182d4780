#include "config.h"

#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/mem.h"
#include "engine/io/proc.h"
#include "engine/io/reap.h"
#include "engine/runtime/runtime_ops.h"

#define NAME_SERVICE_MAX 40 /* characters of the service's name in a container's name */
#define ULIMIT_MAX 1024     /* requested when we may not raise limits */

void command_begin(const struct runtime *runtime, unsigned quirks, struct argv *argv)
{
	argv_add(argv, runtime->program);
	if (quirks & QUIRK_RUNC)
		argv_add(argv, "--runtime=runc");
	if (quirks & QUIRK_CGROUPFS)
		argv_add(argv, "--cgroup-manager=cgroupfs");
}

unsigned long long run_args_limit(int resource)
{
	struct rlimit limit;
	unsigned long long value = ULIMIT_MAX;

	if (getrlimit(resource, &limit) == 0 && limit.rlim_max != RLIM_INFINITY && limit.rlim_max < value)
		value = limit.rlim_max;
	return value;
}

static void add_ulimit(const struct container_spec *spec, struct argv *argv, const char *name, int resource)
{
	unsigned long long value = run_args_limit(resource);

	if (!setting_has_ulimit(spec, name))
		argv_addf(argv, "--ulimit=%s=%llu:%llu", name, value, value);
}

static void run_args_add_pairs(const struct runtime *runtime, struct argv *argv, const struct container_spec *spec,
			       const char *env_file)
{
	bool hosts = !runtime->ops->resolves || !spec->network;

	if (env_file)
		argv_addf(argv, "--env-file=%s", env_file);
	for (size_t i = 0; i < spec->environment_len; i++) {
		const struct runtime_pair *pair = &spec->environment[i];
		enum environment_way way = environment_way(pair);

		if (way == ENVIRONMENT_CHILD)
			argv_addf(argv, "--env=%s", pair->key);
		else if (way == ENVIRONMENT_ARGUMENT)
			argv_addf(argv, "--env=%s=%s", pair->key, pair->value);
	}
	for (size_t i = 0; hosts && i < spec->hosts_len; i++)
		argv_addf(argv, "--add-host=%s:%s", spec->hosts[i].key, spec->hosts[i].value);
}

static void run_args_add_publish(struct argv *argv, const struct runtime_publish *publish)
{
	const char *host = publish->host ? publish->host : "127.0.0.1", *kind = publish->udp ? "udp" : "tcp";

	if (publish->outer_last > publish->outer)
		argv_addf(argv, "--publish=%s:%u-%u:%u/%s", host, publish->outer, publish->outer_last, publish->inner,
			  kind);
	else if (publish->outer)
		argv_addf(argv, "--publish=%s:%u:%u/%s", host, publish->outer, publish->inner, kind);
	else
		argv_addf(argv, "--publish=%s::%u/%s", host, publish->inner, kind);
}

bool run_args_is_published(const struct container_spec *spec, uint16_t port)
{
	for (size_t i = 0; i < spec->publish_len; i++) {
		if (spec->publish[i].inner == port && !spec->publish[i].udp)
			return true;
	}
	return false;
}

static void add_network(const struct runtime *runtime, struct argv *argv, const struct container_spec *spec)
{
	if (spec->network) {
		argv_addf(argv, "--network=%s", spec->network);
		if (spec->name)
			argv_addf(argv, "--network-alias=%s", spec->name);
		for (size_t i = 0; spec->aliases && spec->aliases[i]; i++)
			argv_addf(argv, "--network-alias=%s", spec->aliases[i]);
	}
	if (spec->ip)
		argv_addf(argv, "--ip=%s", spec->ip);
	for (size_t i = 0; i < spec->publish_len; i++)
		run_args_add_publish(argv, &spec->publish[i]);
	for (size_t i = 0; runtime->publish && i < spec->ports_len; i++) {
		if (!run_args_is_published(spec, spec->ports[i]))
			argv_addf(argv, "--publish=127.0.0.1::%u", spec->ports[i]);
	}
}

static void run_args_add_options(const struct runtime *runtime, unsigned quirks, const struct container_spec *spec,
				 struct argv *argv)
{
	bool driver = setting_value(spec, "logging.driver"), options = setting_value(spec, "logging.options");

	if (!driver)
		argv_addf(argv, "--log-driver=%s", runtime->ops->log_driver);
	if (!driver && !options && !(quirks & QUIRK_NO_LOGOPT))
		argv_add(argv, "--log-opt=max-size=" CONTAINER_LOG_MAX);
	argv_add(argv, "--no-healthcheck"); /* container_healthcheck runs it on request */
	argv_addf(argv, "--stop-timeout=%u", spec->grace_s);
	if (spec->stop_signal)
		argv_addf(argv, "--stop-signal=%s", spec->stop_signal);
	for (const char *const *option = runtime->ops->run_options; option && *option; option++)
		argv_add(argv, *option);
	if (quirks & QUIRK_ULIMIT) {
		add_ulimit(spec, argv, "nofile", RLIMIT_NOFILE);
		add_ulimit(spec, argv, "nproc", RLIMIT_NPROC);
	}
	if (quirks & QUIRK_NO_CGROUPS)
		argv_add(argv, "--cgroups=disabled");
}

void command_run(const struct runtime *runtime, unsigned quirks, const struct container_spec *spec, bool only_create,
		 const char *id, const char *name, const char *env_file, struct argv *argv)
{
	command_begin(runtime, quirks, argv);
	argv_add(argv, only_create ? "create" : "run");
	argv_add(argv, only_create ? "--interactive" : "--detach");
	if (only_create)
		argv_add(argv, "--rm");
	if (spec->tty)
		argv_add(argv, "--tty");
	argv_add(argv, "--pull=never");
	argv_addf(argv, "--name=%s", name);
	setting_add_flags(spec, argv);
	argv_addf(argv, "--label=" RUNTIME_LABEL "=%s", runtime->owner);
	for (size_t i = 0; i < spec->labels_len; i++)
		argv_addf(argv, "--label=%s=%s", spec->labels[i].key, spec->labels[i].value);
	run_args_add_options(runtime, quirks, spec, argv);
	add_network(runtime, argv, spec);
	run_args_add_pairs(runtime, argv, spec, env_file);
	if (spec->user)
		argv_addf(argv, "--user=%s", spec->user);
	if (spec->working_dir)
		argv_addf(argv, "--workdir=%s", spec->working_dir);
	for (size_t i = 0; spec->tmpfs && spec->tmpfs[i]; i++)
		argv_addf(argv, "--tmpfs=%s", spec->tmpfs[i]);
	for (size_t i = 0; spec->volumes && spec->volumes[i]; i++)
		argv_addf(argv, "--volume=%s", spec->volumes[i]);
	if (spec->entrypoint && spec->entrypoint[0])
		argv_addf(argv, "--entrypoint=%s", spec->entrypoint[0]);
	argv_add(argv, id);
	for (size_t i = 1; spec->entrypoint && spec->entrypoint[0] && spec->entrypoint[i]; i++)
		argv_add(argv, spec->entrypoint[i]);
	for (size_t i = 0; spec->command && spec->command[i]; i++)
		argv_add(argv, spec->command[i]);
}

char *command_process(void)
{
	return mem_printf("%ld-%llx", (long)getpid(), reap_start_time(getpid()));
}

char *command_name(struct runtime *runtime, const char *service)
{
	cleanup_buf struct buf name = { 0 };
	size_t len = service ? strlen(service) : 0;

	buf_str(&name, "cbuild-");
	for (size_t i = 0; i < len && i < NAME_SERVICE_MAX; i++) {
		char c = service[i];
		bool fine = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '.' ||
			    c == '_';

		buf_char(&name, fine ? c : '-');
	}
	buf_printf(&name, "%s%s-%u", len ? "-" : "", runtime->process, atomic_fetch_add(&runtime->names, 1));
	return buf_steal(&name);
}

bool command_owner_alive(const char *name)
{
	const char *dash = name + strlen(name);
	unsigned long long start;
	char *end;
	long pid;

	/* Parsed from the right: counter, start time, pid. The service's name may contain dashes. */
	for (int i = 0; i < 3; i++) {
		do {
			if (dash == name)
				return false;
			dash--;
		} while (*dash != '-');
	}
	pid = strtol(dash + 1, &end, 10);
	if (pid <= 0 || *end != '-')
		return false;
	start = strtoull(end + 1, &end, 16);
	if (*end != '-')
		return false;
	if (kill((pid_t)pid, 0) < 0 && errno == ESRCH)
		return false;
	return reap_lives((pid_t)pid, start);
}
