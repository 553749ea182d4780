#include "config.h"

#include <ifaddrs.h>
#include <net/if.h>
#include <stddef.h>
#include <sys/socket.h>

#include "engine/io/net.h"

bool net_offline(void)
{
	struct ifaddrs *list;
	bool found = false;

	if (getifaddrs(&list) < 0)
		return false;
	for (const struct ifaddrs *at = list; at && !found; at = at->ifa_next)
		found = at->ifa_addr && (at->ifa_addr->sa_family == AF_INET || at->ifa_addr->sa_family == AF_INET6) &&
			(at->ifa_flags & IFF_UP) && !(at->ifa_flags & IFF_LOOPBACK);
	freeifaddrs(list);
	return !found;
}
