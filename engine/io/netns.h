#ifndef ENGINE_IO_NETNS_H
#define ENGINE_IO_NETNS_H

struct buf;

/* Networks of containers, and the way there. Linux only: elsewhere they are not to be had. */

/* The network namespace of a process: a descriptor, or -1. */
int netns_open(int pid);
/* A socket in it, which stays there; -1 with errno. Closed on exec. */
int netns_socket(int netns, int family, int type, int protocol);
/* Appends the routes of this machine that lead to an IPv4 address, but for the default one: "10.88.0.0/16 by podman0, ...".
 * How many there are. */
int netns_routes(const char *ip, struct buf *out);

#endif
