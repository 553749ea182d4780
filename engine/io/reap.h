#ifndef ENGINE_IO_REAP_H
#define ENGINE_IO_REAP_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>
#include <time.h>

/* Process trees. */

/* Processes that were told to end; zeroed at first. */
struct reap_set {
	struct reap_process {
		pid_t pid;
		unsigned long long start; /* reap_start_time */
	} * items;
	size_t len, cap;
};

/* Sends `signum` to the session that `leader` leads and to everything that descends from it, also into
 * sessions of their own (Linux: from /proc; elsewhere to the process group). With `told`, which may be NULL, they are
 * noted there: those that are deaf to the signal cannot be found any more once the leader is gone. */
void reap_tree(pid_t leader, int signum, struct reap_set *told);
/* Kills those of them that are still there, with what they started, and empties the set. */
void reap_told(struct reap_set *told);
/* When the process was started, in clock ticks since boot; 0 when it does not exist or that cannot be told. */
unsigned long long reap_start_time(pid_t pid);
/* Whether a process called `name` (comm of proc(5), 15 characters) runs that was started before `moment`, seconds since
 * 1970. True also where that cannot be told. */
bool reap_older_runs(const char *name, time_t moment);

#endif
