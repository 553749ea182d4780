#include "config.h"

#include <arpa/inet.h>
#include <errno.h>
#include <ifaddrs.h>
#include <net/if.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/error.h"
#include "base/fs.h"
#include "base/mem.h"
#include "base/xxh3.h"
#include "engine/io/proc.h"
#include "engine/runtime/ctr.h"
#include "engine/runtime/runtime_ops.h"

#define IP_MS (20u * 1000)
#define SUBNET_TRIES 64
#define ROUTES_MAX (8u << 20)
#define HOST_FIRST 2 /* the gateway is 1 */
#define HOST_LAST 254
#define LINK_HASH 12 /* digits: names of interfaces have at most 15 characters */

/* Lets it finish even when the loop is cancelled: what it makes is removed then. `words` after "ip"; `input` may be NULL. */
static int ip_do(struct runtime *runtime, const char *const *words, const char *input, struct error **err)
{
	cleanup_argv struct argv argv = { 0 };
	cleanup_proc struct proc_result result = { 0 };
	struct proc_spec spec = { .input = input,
				  .input_len = input ? strlen(input) : 0,
				  .cleanup = true,
				  .timeout_ms = IP_MS };
	struct error *error = NULL;

	argv_add(&argv, "ip");
	for (; *words; words++)
		argv_add(&argv, *words);
	spec.argv = (const char *const *)argv.items;
	if (proc_run(runtime->loop, &spec, &result, &error) < 0)
		return runtime_failed(&error, err);
	if (result.status == 0)
		return 0;
	error_make(err, ERROR_TOOL, "ip cannot make or remove a container's network (status %d): %s", result.status,
		   result.tail);
	error_remedy(err, "cbuild needs CAP_NET_ADMIN and CAP_SYS_ADMIN, and the kernel's modules bridge and veth");
	return -1;
}

/* Several commands at once, in the network namespace `space` or this one. */
static int ip_batch(struct runtime *runtime, const char *space, const struct buf *commands, struct error **err)
{
	const char *const here[] = { "-batch", "-", NULL };
	const char *const there[] = { "-netns", space, "-batch", "-", NULL };

	return ip_do(runtime, space ? there : here, commands->data, err);
}

/* The interface of a network ("cb...") or a container ("cv..."). */
static void link_name(const char *kind, const char *name, char ret[IFNAMSIZ])
{
	char hex[HASH_HEX + 1];

	hash_hex(hash_bytes(name, strlen(name)), hex);
	snprintf(ret, IFNAMSIZ, "%s%.*s", kind, LINK_HASH, hex);
}

/* A subnet to which no route leads. The interface's number makes it another one than that of every other bridge that is made now. */
static int choose_subnet(unsigned number, char ret[16], struct error **err)
{
	cleanup_buf struct buf routes = { 0 };

	if (fs_read("/proc/net/route", ROUTES_MAX, &routes, err) < 0)
		return -1;
	for (unsigned i = 0; i < SUBNET_TRIES; i++) {
		ctr_subnet(number + i * 127, ret);
		if (!ctr_routed(routes.data ? routes.data : "", ret))
			return 0;
	}
	return error_make(err, ERROR_TOOL, "no subnet of 10.213.0.0/16 and the next ones is free for containers");
}

static int set_up_bridge(struct runtime *runtime, const char *bridge, struct error **err)
{
	cleanup_buf struct buf commands = { 0 };
	char gateway[16];

	if (choose_subnet(if_nametoindex(bridge), gateway, err) < 0)
		return -1;
	buf_printf(&commands, "addr add %s/24 dev %s\nlink set dev %s up\n", gateway, bridge, bridge);
	return ip_batch(runtime, NULL, &commands, err);
}

/*
 * Where the kernel shows iptables what crosses a bridge (br_netfilter, which docker loads) and docker's policy is to drop it, containers
 * on it reach each other only by a rule of their own. `action`: "-I" or "-D". That it cannot be added or is not there is no error: what
 * it is for may not be needed, and else a service that is not reached says so.
 */
static void allow_inside(struct runtime *runtime, const char *action, const char *bridge)
{
	cleanup_free char *program = proc_find("iptables");
	const char *const argv[] = { program, "-w", action, "FORWARD", "-i", bridge, "-o", bridge, "-j", "ACCEPT", NULL };
	cleanup_proc struct proc_result result = { 0 };
	const struct proc_spec spec = { .argv = argv, .cleanup = true, .timeout_ms = IP_MS };

	if (program)
		proc_run(runtime->loop, &spec, &result, NULL);
}

int ctr_network_add(struct runtime *runtime, const char *name, const struct output *output, struct error **err)
{
	const struct ctr_note note = { .owner = runtime->owner, .address = runtime->socket, .space = runtime->space };
	char bridge[IFNAMSIZ];
	const char *const words[] = { "link", "add", bridge, "type", "bridge", NULL };

	(void)output;
	link_name("cb", name, bridge);
	if (ctr_note_write(name, &note, err) < 0)
		return -1;
	if (ip_do(runtime, words, NULL, err) < 0 || set_up_bridge(runtime, bridge, err) < 0) {
		ctr_network_remove(runtime, name, NULL);
		return -1;
	}
	allow_inside(runtime, "-I", bridge);
	return 0;
}

static int remove_link(struct runtime *runtime, const char *bridge, struct error **err)
{
	const char *const words[] = { "link", "delete", bridge, NULL };

	if (if_nametoindex(bridge) == 0)
		return 0;
	allow_inside(runtime, "-D", bridge);
	return ip_do(runtime, words, NULL, err);
}

int ctr_network_remove(struct runtime *runtime, const char *name, struct error **err)
{
	char bridge[IFNAMSIZ];

	link_name("cb", name, bridge);
	return remove_link(runtime, bridge, err) < 0 ? -1 : ctr_note_remove(name, err);
}

int ctr_network_list(struct runtime *runtime, struct buf *ret, struct error **err)
{
	return ctr_note_list(runtime, true, NULL, ret, err);
}

/* The bridge's own address. */
static int find_gateway(const char *bridge, const char *network, char ret[INET_ADDRSTRLEN], struct error **err)
{
	struct ifaddrs *all = NULL;
	bool found = false;

	if (getifaddrs(&all) < 0)
		return error_errno(err, ERROR_TOOL, errno, "the machine's network interfaces");
	for (const struct ifaddrs *one = all; one && !found; one = one->ifa_next)
		if (one->ifa_addr && one->ifa_addr->sa_family == AF_INET && strcmp(one->ifa_name, bridge) == 0)
			found = inet_ntop(AF_INET, &((const struct sockaddr_in *)(const void *)one->ifa_addr)->sin_addr,
					  ret, INET_ADDRSTRLEN) != NULL;
	freeifaddrs(all);
	return found ? 0 : error_make(err, ERROR_TOOL, "the network %s is gone", network);
}

/* The last number of an address on the gateway's subnet; 0: it is on another one. */
static unsigned host_number(const char *gateway, const char *ip)
{
	size_t len = (size_t)(strrchr(gateway, '.') - gateway) + 1;
	unsigned long host = strncmp(gateway, ip, len) == 0 ? strtoul(ip + len, NULL, 10) : 0;

	return host <= HOST_LAST ? (unsigned)host : 0;
}

/* Marks the addresses of the containers that are on the network. */
static int find_used(struct runtime *runtime, const char *network, const char *gateway, bool used[HOST_LAST + 1],
		     struct error **err)
{
	cleanup_buf struct buf names = { 0 };
	char *rest = NULL;

	if (ctr_note_list(runtime, false, NULL, &names, err) < 0)
		return -1;
	for (char *name = names.data ? strtok_r(names.data, "\n", &rest) : NULL; name;
	     name = strtok_r(NULL, "\n", &rest)) {
		cleanup_note struct ctr_note note = { 0 };
		bool found;

		if (ctr_note_read(name, &found, &note, err) < 0)
			return -1;
		if (note.network && note.ip && strcmp(note.network, network) == 0)
			used[host_number(gateway, note.ip)] = true;
	}
	return 0;
}

static int choose_address(struct runtime *runtime, const char *network, const char *gateway, const char *wanted,
			  char **ret, struct error **err)
{
	bool used[HOST_LAST + 1] = { false };
	unsigned host = wanted ? host_number(gateway, wanted) : 0;

	if (find_used(runtime, network, gateway, used, err) < 0)
		return -1;
	if (host < HOST_FIRST || used[host])
		for (host = HOST_FIRST; host <= HOST_LAST && used[host];)
			host++;
	if (host > HOST_LAST)
		return error_make(err, ERROR_TOOL, "there is no address left for another container on the same network");
	*ret = mem_printf("%.*s.%u", (int)(strrchr(gateway, '.') - gateway), gateway, host);
	return 0;
}

int ctr_network_join(struct runtime *runtime, const char *network, const char *name, const char *wanted, char **ret_ip,
		     char **ret_gateway, struct error **err)
{
	const char *const words[] = { "netns", "add", name, NULL };
	cleanup_buf struct buf outside = { 0 }, inside = { 0 };
	cleanup_free char *ip = NULL;
	char bridge[IFNAMSIZ], veth[IFNAMSIZ], gateway[INET_ADDRSTRLEN];

	link_name("cb", network, bridge);
	link_name("cv", name, veth);
	if (find_gateway(bridge, network, gateway, err) < 0 ||
	    choose_address(runtime, network, gateway, wanted, &ip, err) < 0)
		return -1;
	buf_printf(&outside, "link add %s type veth peer name eth0 netns %s\n", veth, name);
	buf_printf(&outside, "link set dev %s master %s\nlink set dev %s up\n", veth, bridge, veth);
	buf_printf(&inside, "link set dev lo up\naddr add %s/24 dev eth0\nlink set dev eth0 up\n", ip);
	buf_printf(&inside, "route add default via %s\n", gateway);
	if (ip_do(runtime, words, NULL, err) < 0 || ip_batch(runtime, NULL, &outside, err) < 0 ||
	    ip_batch(runtime, name, &inside, err) < 0)
		return -1;
	*ret_ip = steal_ptr(ip);
	*ret_gateway = mem_strdup(gateway);
	return 0;
}

int ctr_network_leave(struct runtime *runtime, const char *name, struct error **err)
{
	const char *const words[] = { "netns", "delete", name, NULL };
	cleanup_free char *path = mem_printf(CTR_NETNS "%s", name);

	return fs_exists(path) ? ip_do(runtime, words, NULL, err) : 0;
}
