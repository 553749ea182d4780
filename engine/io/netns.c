#include "config.h"

#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <arpa/inet.h>
#include <sys/socket.h>
#ifdef __linux__
#include <sched.h>
#endif

#include "base/buf.h"
#include "base/fs.h"
#include "base/mem.h"
#include "engine/io/netns.h"

#define ROUTES_MAX (1u << 20) /* bytes of the list of routes */

int netns_open(int pid)
{
	cleanup_free char *path = mem_printf("/proc/%d/ns/net", pid);

	return open(path, O_RDONLY | O_CLOEXEC);
}

/* A thread has a namespace of its own, so no other one notices. */
int netns_socket(int netns, int family, int type, int protocol)
{
#ifdef __linux__
	cleanup_fd int own = open("/proc/thread-self/ns/net", O_RDONLY | O_CLOEXEC);
	int fd, number;

	if (own < 0 || setns(netns, CLONE_NEWNET) < 0)
		return -1;
	fd = socket(family, type | SOCK_CLOEXEC, protocol);
	number = errno;
	if (setns(own, CLONE_NEWNET) < 0) {
		number = errno;
		if (fd >= 0)
			close(fd);
		fd = -1;
	}
	errno = number;
	return fd;
#else
	(void)netns;
	(void)family;
	(void)type;
	(void)protocol;
	errno = ENOSYS;
	return -1;
#endif
}

int netns_routes(const char *ip, struct buf *out)
{
	cleanup_buf struct buf text = { 0 };
	struct in_addr wanted;
	int found = 0;

	if (inet_pton(AF_INET, ip, &wanted) != 1 || fs_read("/proc/net/route", ROUTES_MAX, &text, NULL) < 0 || !text.data)
		return 0;
	/* "eth0 0000A8C0 00000000 0001 0 0 0 00FFFFFF ...": the numbers are as the machine stores addresses. */
	for (const char *line = strchr(text.data, '\n'); line && line[1]; line = strchr(line + 1, '\n')) {
		unsigned to = 0, mask = 0;
		char device[32], network[INET_ADDRSTRLEN];

		if (sscanf(line, " %31s %x %*x %*x %*d %*d %*d %x", device, &to, &mask) != 3 || mask == 0 ||
		    (wanted.s_addr & mask) != to)
			continue;
		inet_ntop(AF_INET, &(struct in_addr){ to }, network, sizeof(network));
		buf_printf(out, "%s%s/%d by %s", found++ > 0 ? ", " : "", network, __builtin_popcount(mask), device);
	}
	return found;
}
