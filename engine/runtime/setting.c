#include "config.h"

#include <stdlib.h>
#include <string.h>

#include "base/json.h"
#include "base/mem.h"
#include "base/text.h"
#include "engine/io/proc.h"
#include "engine/runtime/runtime_ops.h"

#define NANO 1e9 /* docker counts processors in billionths */

/* How docker's daemon takes a value (docs.docker.com/reference/api/engine, ContainerCreate). */
enum setting_form {
	SETTING_TEXT,
	SETTING_BODY_TEXT, /* not in HostConfig */
	SETTING_BOOL,
	SETTING_BODY_BOOL,
	SETTING_NUMBER,
	SETTING_MEMORY,
	SETTING_CPUS,
	SETTING_LIST,
	SETTING_CAPS,
	SETTING_PAIRS,
	SETTING_ULIMITS,
	SETTING_DEVICES,
	SETTING_RESTART,
	SETTING_OURS /* set beside cbuild's own (docker_container.c) */
};

/* compose's keys, by their names. */
static const struct setting {
	const char *key, *flag; /* of podman and docker */
	const char *ctr;        /* NULL: it has none; "": it needs none */
	enum setting_form form;
	const char *member; /* of docker's request */
} settings[] = {
	{ "cap_add", "--cap-add", "--cap-add", SETTING_CAPS, "CapAdd" },
	{ "cap_drop", "--cap-drop", "--cap-drop", SETTING_CAPS, "CapDrop" },
	{ "cpu_shares", "--cpu-shares", "--cpu-shares", SETTING_NUMBER, "CpuShares" },
	{ "cpus", "--cpus", "--cpus", SETTING_CPUS, "NanoCpus" },
	{ "cpuset", "--cpuset-cpus", NULL, SETTING_TEXT, "CpusetCpus" },
	{ "devices", "--device", NULL, SETTING_DEVICES, "Devices" },
	{ "dns", "--dns", NULL, SETTING_LIST, "Dns" },
	{ "dns_opt", "--dns-opt", NULL, SETTING_LIST, "DnsOptions" },
	{ "dns_search", "--dns-search", NULL, SETTING_LIST, "DnsSearch" },
	{ "extra_hosts", "--add-host", "", SETTING_LIST, "ExtraHosts" },
	{ "group_add", "--group-add", NULL, SETTING_LIST, "GroupAdd" },
	{ "hostname", "--hostname", NULL, SETTING_BODY_TEXT, "Hostname" },
	{ "init", "--init", NULL, SETTING_BOOL, "Init" },
	{ "labels", "--label", "--label", SETTING_OURS, NULL },
	{ "logging.driver", "--log-driver", NULL, SETTING_OURS, NULL },
	{ "logging.options", "--log-opt", NULL, SETTING_OURS, NULL },
	{ "mem_limit", "--memory", "--memory-limit", SETTING_MEMORY, "Memory" },
	{ "mem_reservation", "--memory-reservation", NULL, SETTING_MEMORY, "MemoryReservation" },
	{ "memswap_limit", "--memory-swap", NULL, SETTING_MEMORY, "MemorySwap" },
	{ "oom_score_adj", "--oom-score-adj", NULL, SETTING_NUMBER, "OomScoreAdj" },
	{ "pids_limit", "--pids-limit", NULL, SETTING_NUMBER, "PidsLimit" },
	{ "privileged", "--privileged", "--privileged", SETTING_BOOL, "Privileged" },
	{ "read_only", "--read-only", "--read-only", SETTING_BOOL, "ReadonlyRootfs" },
	{ "restart", "--restart", NULL, SETTING_RESTART, "RestartPolicy" },
	{ "security_opt", "--security-opt", NULL, SETTING_LIST, "SecurityOpt" },
	{ "shm_size", "--shm-size", NULL, SETTING_MEMORY, "ShmSize" },
	{ "stdin_open", "--interactive", NULL, SETTING_BODY_BOOL, "OpenStdin" },
	{ "sysctls", "--sysctl", NULL, SETTING_PAIRS, "Sysctls" },
	{ "tty", "--tty", NULL, SETTING_BODY_BOOL, "Tty" },
	{ "ulimits", "--ulimit", NULL, SETTING_ULIMITS, "Ulimits" },
};

static const struct setting *setting_find(const char *key)
{
	for (size_t i = 0; i < sizeof(settings) / sizeof(settings[0]); i++)
		if (strcmp(settings[i].key, key) == 0)
			return &settings[i];
	return NULL;
}

bool runtime_has_setting(const struct runtime *runtime, const char *key)
{
	const struct setting *setting = setting_find(key);

	return setting && (setting->ctr || !runtime->containers->few_settings);
}

const char *setting_value(const struct container_spec *spec, const char *key)
{
	for (size_t i = 0; i < spec->settings_len; i++)
		if (strcmp(spec->settings[i].key, key) == 0)
			return spec->settings[i].value;
	return NULL;
}

bool setting_has_ulimit(const struct container_spec *spec, const char *name)
{
	size_t len = strlen(name);

	for (size_t i = 0; i < spec->settings_len; i++) {
		const char *value = spec->settings[i].value;

		if (strcmp(spec->settings[i].key, "ulimits") == 0 && strncmp(value, name, len) == 0 && value[len] == '=')
			return true;
	}
	return false;
}

static bool is_switch(const struct setting *setting)
{
	return setting->form == SETTING_BOOL || setting->form == SETTING_BODY_BOOL;
}

/* The kernel's names, which docker's and podman's commands complete. */
static const char *cap_prefix(const char *value)
{
	return strncmp(value, "CAP_", 4) == 0 || strcmp(value, "ALL") == 0 ? "" : "CAP_";
}

void setting_add_flags(const struct container_spec *spec, struct argv *argv)
{
	for (size_t i = 0; i < spec->settings_len; i++) {
		const struct setting *setting = setting_find(spec->settings[i].key);

		if (setting && is_switch(setting))
			argv_add(argv, setting->flag);
		else if (setting)
			argv_addf(argv, "%s=%s", setting->flag, spec->settings[i].value);
	}
}

void setting_add_ctr(const struct container_spec *spec, struct argv *argv)
{
	for (size_t i = 0; i < spec->settings_len; i++) {
		const struct setting *setting = setting_find(spec->settings[i].key);
		const char *value = spec->settings[i].value;
		if (!setting || !setting->ctr || !*setting->ctr)
			continue;
		if (is_switch(setting))
			argv_add(argv, setting->ctr);
		else
			argv_addf(argv, "%s=%s%s", setting->ctr, setting->form == SETTING_CAPS ? cap_prefix(value) : "",
				  value);
	}
}

/* ---- docker's request ---- */

static void add_to_list(struct json *object, const char *member, struct json *item)
{
	const struct json *there = json_get(object, member);
	struct json *list = there ? json_clone(there) : json_new_array();

	json_append(list, item);
	json_set(object, member, list);
}

/* "NAME=value" */
static void add_to_map(struct json *object, const char *member, const char *pair)
{
	const struct json *there = json_get(object, member);
	struct json *map = there ? json_clone(there) : json_new_object();
	cleanup_free char *name = mem_strndup(pair, strcspn(pair, "="));

	json_set_str(map, name, pair[strlen(name)] ? pair + strlen(name) + 1 : "");
	json_set(object, member, map);
}

/* "nofile=1024:2048" */
static struct json *ulimit_json(const char *value)
{
	cleanup_free char *name = mem_strndup(value, strcspn(value, "="));
	struct json *limit = json_new_object();
	char *end = NULL;
	const char *numbers = value[strlen(name)] ? value + strlen(name) + 1 : "";
	long long soft = strtoll(numbers, &end, 10);

	json_set_str(limit, "Name", name);
	json_set_int(limit, "Soft", soft);
	json_set_int(limit, "Hard", *end == ':' ? strtoll(end + 1, NULL, 10) : soft);
	return limit;
}

/* "/dev/fuse", "/dev/sda:/dev/xvda:r" */
static struct json *device_json(const char *value)
{
	size_t len = strcspn(value, ":");
	const char *rest = value[len] ? value + len + 1 : value;
	cleanup_free char *outer = mem_strndup(value, len), *inner = mem_strndup(rest, strcspn(rest, ":"));
	const char *rights = value[len] && rest[strlen(inner)] ? rest + strlen(inner) + 1 : "rwm";
	struct json *device = json_new_object();

	json_set_str(device, "PathOnHost", outer);
	json_set_str(device, "PathInContainer", inner);
	json_set_str(device, "CgroupPermissions", rights);
	return device;
}

/* "on-failure:3" */
static struct json *restart_json(const char *value)
{
	cleanup_free char *name = mem_strndup(value, strcspn(value, ":"));
	struct json *policy = json_new_object();

	json_set_str(policy, "Name", name);
	json_set_int(policy, "MaximumRetryCount", value[strlen(name)] ? strtoll(value + strlen(name) + 1, NULL, 10) : 0);
	return policy;
}

static long long memory_of(const char *value)
{
	uint64_t bytes;

	return text_parse_memory(value, &bytes) ? (long long)bytes : strtoll(value, NULL, 10);
}

static void add_member(const struct setting *setting, const char *value, struct json *body, struct json *host)
{
	cleanup_free char *name = NULL;

	switch (setting->form) {
	case SETTING_TEXT:
		json_set_str(host, setting->member, value);
		break;
	case SETTING_BODY_TEXT:
		json_set_str(body, setting->member, value);
		break;
	case SETTING_BOOL:
		json_set_bool(host, setting->member, true);
		break;
	case SETTING_BODY_BOOL:
		json_set_bool(body, setting->member, true);
		break;
	case SETTING_NUMBER:
		json_set_int(host, setting->member, strtoll(value, NULL, 10));
		break;
	case SETTING_MEMORY:
		json_set_int(host, setting->member, memory_of(value));
		break;
	case SETTING_CPUS:
		json_set_int(host, setting->member, (long long)(strtod(value, NULL) * NANO + 0.5));
		break;
	case SETTING_LIST:
		add_to_list(host, setting->member, json_new_string(value));
		break;
	case SETTING_CAPS:
		name = mem_printf("%s%s", cap_prefix(value), value);
		add_to_list(host, setting->member, json_new_string(name));
		break;
	case SETTING_PAIRS:
		add_to_map(host, setting->member, value);
		break;
	case SETTING_ULIMITS:
		add_to_list(host, setting->member, ulimit_json(value));
		break;
	case SETTING_DEVICES:
		add_to_list(host, setting->member, device_json(value));
		break;
	case SETTING_RESTART:
		json_set(host, setting->member, restart_json(value));
		break;
	case SETTING_OURS:
		break;
	}
}

void setting_add_json(const struct container_spec *spec, struct json *body, struct json *host)
{
	for (size_t i = 0; i < spec->settings_len; i++) {
		const struct setting *setting = setting_find(spec->settings[i].key);

		if (setting)
			add_member(setting, spec->settings[i].value, body, host);
	}
}
