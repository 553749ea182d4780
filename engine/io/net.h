#ifndef ENGINE_IO_NET_H
#define ENGINE_IO_NET_H

#include <stdbool.h>

/* True when this machine has only loopback addresses: then retrying a connection to another host is pointless. */
bool net_offline(void);

#endif
