#include "config.h"

#include <arpa/inet.h>
#include <ifaddrs.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "base/error.h"
#include "base/json.h"
#include "base/mem.h"
#include "engine/runtime/runtime_ops.h"

#define COMPOSE_PROJECT "com.docker.compose.project"

static char *text_or_null(const char *s)
{
	return s && *s ? mem_strdup(s) : NULL;
}

/* The first network that has an address. */
static void take_address(const struct json *settings, struct inspected *ret)
{
	const struct json *networks = json_get(settings, "Networks");

	for (const void *it = json_first(networks); it && !ret->ip; it = json_next(networks, it)) {
		const struct json *network = json_member(it);
		bool four = json_str(network, "IPAddress") && *json_str(network, "IPAddress");

		ret->ip = text_or_null(json_str(network, four ? "IPAddress" : "GlobalIPv6Address"));
		if (ret->ip) {
			ret->network = mem_strdup(json_key(it));
			ret->gateway = text_or_null(json_str(network, four ? "Gateway" : "IPv6Gateway"));
		}
	}
	if (!ret->ip) {
		ret->ip = text_or_null(json_str(settings, "IPAddress"));
		ret->gateway = text_or_null(json_str(settings, "Gateway"));
	}
}

static void take_binding(const struct json *binding, unsigned long inner, bool udp, size_t *cap, struct inspected *ret)
{
	const char *outer = json_str(binding, "HostPort"), *host = json_str(binding, "HostIp");
	struct inspected_port *port;

	if (!outer)
		return;
	mem_reserve(&ret->ports, cap, ret->ports_len + 1, sizeof(*ret->ports));
	port = &ret->ports[ret->ports_len++];
	port->inner = (uint16_t)inner;
	port->outer = (uint16_t)strtoul(outer, NULL, 10);
	port->host = mem_strdup(host && *host && strcmp(host, "0.0.0.0") != 0 ? host : "127.0.0.1");
	port->udp = udp;
}

/* "8000/tcp": [{"HostIp": "127.0.0.1", "HostPort": "40123"}] */
static void take_ports(const struct json *ports, struct inspected *ret)
{
	size_t cap = 0;

	for (const void *it = json_first(ports); it; it = json_next(ports, it)) {
		unsigned long inner = strtoul(json_key(it), NULL, 10);
		bool udp = strstr(json_key(it), "/udp") != NULL;

		if (inner == 0 || inner > UINT16_MAX || (!udp && !strstr(json_key(it), "/tcp")))
			continue;
		for (size_t i = 0; i < json_len(json_member(it)); i++)
			take_binding(json_at(json_member(it), i), inner, udp, &cap, ret);
	}
}

/* podman and docker give a name, older versions of podman a number: 15 is the default. */
static void take_stop_signal(const struct json *config, struct inspected *ret)
{
	const struct json *value = json_get(config, "StopSignal");
	long long number = json_int(config, "StopSignal");

	if (json_text(value))
		ret->stop_signal = text_or_null(json_text(value));
	else if (number > 0)
		ret->stop_signal = mem_printf("%lld", number);
}

/* Whether the engine starts it again when it ends with this status (docs.docker.com/reference/cli/docker/container/run,
 * --restart). */
static bool comes_again(const struct json *one, int status)
{
	const struct json *policy = json_get(json_get(one, "HostConfig"), "RestartPolicy");
	const char *name = json_str(policy, "Name");
	long long most = json_int(policy, "MaximumRetryCount");

	if (!name)
		return false;
	if (strcmp(name, "on-failure") == 0)
		return status != 0 && (most == 0 || json_int(one, "RestartCount") < most);
	return strcmp(name, "always") == 0 || strcmp(name, "unless-stopped") == 0;
}

int inspect_parse(const char *json, size_t len, struct inspected *ret, struct error **err)
{
	cleanup_json struct json *all = NULL;
	const struct json *one, *state, *labels;
	const char *mode, *name, *image;

	*ret = (struct inspected){ 0 };
	if (json_parse(json, len, "what inspect says of the container", &all, err) < 0)
		return -1;
	one = json_at(all, 0);
	state = json_get(one, "State");
	if (!json_is_object(state))
		return error_make(err, ERROR_TOOL, "inspect does not give the container's state");
	ret->running = json_bool(state, "Running");
	ret->status = (int)json_int(state, "ExitCode");
	ret->pid = (int)json_int(state, "Pid");
	ret->again = comes_again(one, ret->status);
	mode = json_str(json_get(one, "HostConfig"), "NetworkMode");
	ret->host_network = mode && strcmp(mode, "host") == 0;
	take_stop_signal(json_get(one, "Config"), ret);
	ret->grace_s = (unsigned)json_int(json_get(one, "Config"), "StopTimeout");
	ret->id = text_or_null(json_str(one, "Id"));
	name = json_str(one, "Name");
	ret->name = text_or_null(name && *name == '/' ? name + 1 : name);
	image = json_str(one, "ImageName"); /* podman's */
	ret->image = text_or_null(image ? image : json_str(json_get(one, "Config"), "Image"));
	labels = json_get(json_get(one, "Config"), "Labels");
	ret->owner = text_or_null(json_str(labels, RUNTIME_LABEL));
	ret->project = text_or_null(json_str(labels, COMPOSE_PROJECT));
	ret->service = text_or_null(json_str(labels, RUNTIME_SERVICE));
	ret->config = text_or_null(json_str(labels, RUNTIME_CONFIG));
	take_address(json_get(one, "NetworkSettings"), ret);
	take_ports(json_get(json_get(one, "NetworkSettings"), "Ports"), ret);
	return 0;
}

void inspected_free(struct inspected *inspected)
{
	free(inspected->ip);
	free(inspected->gateway);
	free(inspected->network);
	free(inspected->stop_signal);
	free(inspected->id);
	free(inspected->name);
	free(inspected->image);
	free(inspected->owner);
	free(inspected->project);
	free(inspected->service);
	free(inspected->config);
	for (size_t i = 0; i < inspected->ports_len; i++)
		free(inspected->ports[i].host);
	free(inspected->ports);
	*inspected = (struct inspected){ 0 };
}

static bool same_address(const struct sockaddr *address, const struct in6_addr *wanted, int family)
{
	if (!address || address->sa_family != family)
		return false;
	if (family == AF_INET)
		return memcmp(&((const struct sockaddr_in *)(const void *)address)->sin_addr, wanted,
			      sizeof(struct in_addr)) == 0;
	return memcmp(&((const struct sockaddr_in6 *)(const void *)address)->sin6_addr, wanted, sizeof(*wanted)) == 0;
}

bool inspect_ours(const char *ip)
{
	struct in6_addr wanted = { 0 };
	struct ifaddrs *all = NULL;
	int family = strchr(ip, ':') ? AF_INET6 : AF_INET;
	bool found = false;

	if (inet_pton(family, ip, &wanted) != 1 || getifaddrs(&all) < 0)
		return false;
	for (struct ifaddrs *one = all; one && !found; one = one->ifa_next)
		found = same_address(one->ifa_addr, &wanted, family);
	freeifaddrs(all);
	return found;
}
