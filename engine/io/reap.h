#ifndef ENGINE_IO_REAP_H
#define ENGINE_IO_REAP_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>
#include <time.h>

/* Process trees. */

/* Processes that were signalled; zero-initialise it. */
struct reap_set {
	struct reap_process {
		pid_t pid;
		unsigned long long start; /* reap_start_time */
	} * items;
	size_t len, cap;
};

/* Sends `signum` to the session of `leader` and to all descendants, including those in sessions of their own
 * (Linux: from /proc; elsewhere to the process group). They are recorded in `told` (may be NULL): once the leader
 * is gone, those that ignored the signal could not be found any more. */
void reap_tree(pid_t leader, int signum, struct reap_set *told);
/* Kills those that still exist, with their descendants, and empties the set. */
void reap_told(struct reap_set *told);
/* The start time of the process in clock ticks since boot; 0 when it does not exist or the time is unknown. */
unsigned long long reap_start_time(pid_t pid);
/* Whether it is that process, and not dead. */
bool reap_lives(pid_t pid, unsigned long long start);
/* False when the process certainly takes no notice of the signal: it is the first of a PID namespace, has no handler for it
 * and does not block it, so that the kernel drops it (pid_namespaces(7)). */
bool reap_hears(pid_t pid, int signum);
/* Whether a process called `name` (comm of proc(5), 15 characters) that was started before `moment` (seconds since
 * 1970) is running. True also when that is unknown. */
bool reap_older_runs(const char *name, time_t moment);

#endif
