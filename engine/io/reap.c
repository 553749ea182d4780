#include "config.h"

#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/error.h"
#include "base/fs.h"
#include "base/mem.h"
#include "engine/io/proc.h"
#include "engine/io/reap.h"

#define JOURNAL_MAX (1u << 20)
#define COMM_MAX 64
#define REAP_GRACE_MS 2000
#define STOP_ROUNDS 100 /* rounds of stopping processes: one that waits in the kernel may take long to stop */

struct process {
	pid_t pid, parent, session;
	unsigned long long start;
	bool runs; /* may still do something: not stopped or dead */
	bool dead; /* only its parent has not taken notice yet; where PID 1 reaps nothing, for ever */
	bool marked;
};

static bool set_has(const struct reap_set *set, pid_t pid)
{
	for (size_t i = 0; i < set->len; i++) {
		if (set->items[i].pid == pid)
			return true;
	}
	return false;
}

/* /proc/PID/stat (proc(5)): the name in parentheses may hold anything, so count from the last ')'. */
static bool read_process(pid_t pid, struct process *ret)
{
	char path[64], text[1024];
	const char *rest;
	ssize_t len;
	int fd, parent, session;
	unsigned long long start;
	char state;

	snprintf(path, sizeof(path), "/proc/%d/stat", (int)pid);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return false;
	len = read(fd, text, sizeof(text) - 1);
	close(fd);
	if (len <= 0)
		return false;
	text[len] = '\0';
	rest = strrchr(text, ')');
	if (!rest || sscanf(rest + 1, " %c %d %*d %d %*d %*d %*u %*u %*u %*u %*u %*u %*u %*d %*d %*d %*d %*d %*d %llu",
			    &state, &parent, &session, &start) != 4)
		return false;
	*ret = (struct process){ .pid = pid,
				 .parent = parent,
				 .session = session,
				 .start = start,
				 .runs = !strchr("TtZXx", state),
				 .dead = strchr("ZXx", state) != NULL };
	return true;
}

unsigned long long reap_start_time(pid_t pid)
{
	struct process process;

	return read_process(pid, &process) ? process.start : 0;
}

bool reap_lives(pid_t pid, unsigned long long start)
{
	struct process process;

	return read_process(pid, &process) && process.start == start && !process.dead;
}

/* /proc/PID/status (proc(5)). The signals that are ignored are left out: who ignores one means to use its time. */
bool reap_hears(pid_t pid, int signum)
{
	unsigned long long heard = 0, mask, bit = 1ULL << (signum - 1);
	char path[64], line[256], *last;
	bool first = false;
	FILE *file;

	snprintf(path, sizeof(path), "/proc/%d/status", (int)pid);
	file = fopen(path, "re");
	while (file && fgets(line, sizeof(line), file)) {
		last = strrchr(line, '\t');
		if (strncmp(line, "NSpid:", 6) == 0 && last)
			first = strcmp(last, "\t1\n") == 0;
		if (sscanf(line, "SigBlk: %llx", &mask) == 1 || sscanf(line, "SigIgn: %llx", &mask) == 1 ||
		    sscanf(line, "SigCgt: %llx", &mask) == 1)
			heard |= mask;
	}
	if (file)
		fclose(file);
	return !first || (heard & bit);
}

static struct process *reap_read_all(size_t *ret_len)
{
	struct process *all = NULL;
	size_t len = 0, cap = 0;
	struct dirent *entry;
	DIR *dir = opendir("/proc");

	*ret_len = 0;
	if (!dir)
		return NULL;
	while ((entry = readdir(dir))) {
		struct process process;

		if (!isdigit((unsigned char)entry->d_name[0]) || !read_process((pid_t)atoi(entry->d_name), &process))
			continue;
		mem_reserve(&all, &cap, len + 1, sizeof(*all));
		all[len++] = process;
	}
	closedir(dir);
	*ret_len = len;
	return all;
}

/* When the machine was booted; 0 if unknown. */
static time_t boot_time(void)
{
	char line[256];
	long long seconds = 0;
	FILE *file = fopen("/proc/stat", "re");

	while (file && seconds == 0 && fgets(line, sizeof(line), file))
		sscanf(line, "btime %lld", &seconds);
	if (file)
		fclose(file);
	return (time_t)seconds;
}

static bool is_process_name(pid_t pid, const char *name)
{
	cleanup_free char *path = mem_printf("/proc/%d/comm", (int)pid);
	cleanup_buf struct buf text = { 0 };

	return fs_read(path, COMM_MAX, &text, NULL) == 0 && text.len > 0 && text.len - 1 == strlen(name) &&
	       memcmp(text.data, name, text.len - 1) == 0;
}

bool reap_older_runs(const char *name, time_t moment)
{
	long ticks = sysconf(_SC_CLK_TCK);
	time_t boot = boot_time();
	size_t len;
	cleanup_free struct process *all = reap_read_all(&len);
	bool runs = len == 0 || boot == 0 || ticks <= 0;

	for (size_t i = 0; i < len && !runs; i++)
		runs = !all[i].dead && boot + (time_t)(all[i].start / (unsigned long long)ticks) <= moment &&
		       is_process_name(all[i].pid, name);
	return runs;
}

static bool is_marked(const struct process *all, size_t len, pid_t pid)
{
	for (size_t i = 0; i < len; i++) {
		if (all[i].pid == pid)
			return all[i].marked;
	}
	return false;
}

/* Marks the leader, its session, and all their descendants, whatever session these are in now. */
static void mark_tree(struct process *all, size_t len, pid_t leader)
{
	bool grew = true;

	for (size_t i = 0; i < len; i++)
		all[i].marked = all[i].pid == leader || all[i].session == leader;
	while (grew) {
		grew = false;
		for (size_t i = 0; i < len; i++) {
			if (!all[i].marked && is_marked(all, len, all[i].parent))
				all[i].marked = grew = true;
		}
	}
}

/* Signals each process of the tree once. False: there was one that had not been signalled, or that keeps running. */
static bool signal_tree(pid_t leader, int signum, struct reap_set *told)
{
	size_t len;
	cleanup_free struct process *all = reap_read_all(&len);
	bool quiet = true;

	mark_tree(all, len, leader);
	for (size_t i = 0; i < len; i++) {
		if (!all[i].marked || all[i].pid == getpid())
			continue;
		quiet = quiet && !all[i].runs;
		if (set_has(told, all[i].pid))
			continue;
		kill(all[i].pid, signum);
		mem_reserve(&told->items, &told->cap, told->len + 1, sizeof(*told->items));
		told->items[told->len++] = (struct reap_process){ all[i].pid, all[i].start };
	}
	return quiet;
}

/* A process that forks while we search would leave a child that can no longer be found through its parent. So stop
 * all of them first, and search until no running one is found. Twice: pids are listed before states are read, so
 * what was started in between appears only in the next list. */
static void kill_tree(pid_t leader)
{
	struct reap_set stopped = { 0 };
	int quiet = 0;

	for (int i = 0; i < STOP_ROUNDS && quiet < 2; i++) {
		poll(NULL, 0, i > 1 && quiet == 0 ? 1 : 0);
		quiet = signal_tree(leader, SIGSTOP, &stopped) ? quiet + 1 : 0;
		if (stopped.len == 0)
			break;
	}
	for (size_t i = 0; i < stopped.len; i++)
		kill(stopped.items[i].pid, SIGKILL);
	free(stopped.items);
}

void reap_tree(pid_t leader, int signum, struct reap_set *told)
{
	struct reap_set own = { 0 };

	if (leader <= 1)
		return;
	if (signum == SIGKILL)
		kill_tree(leader);
	else
		signal_tree(leader, signum, told ? told : &own);
	kill(-leader, signum);
	free(own.items);
}

void reap_told(struct reap_set *told)
{
	for (size_t i = 0; i < told->len; i++) {
		if (reap_start_time(told->items[i].pid) == told->items[i].start)
			kill_tree(told->items[i].pid);
	}
	free(told->items);
	*told = (struct reap_set){ 0 };
}

/* Waits until the process has ended, at most REAP_GRACE_MS. We are not its parent, so this needs pidfd_open(2);
 * without it, does not wait. */
static void await_end(pid_t pid)
{
#ifdef SYS_pidfd_open
	cleanup_fd int fd = (int)syscall(SYS_pidfd_open, pid, 0);
	struct pollfd poll_fd = { .fd = fd, .events = POLLIN };

	if (fd >= 0)
		poll(&poll_fd, 1, REAP_GRACE_MS);
#else
	(void)pid;
#endif
}

/* A line of a journal: "PID START". Ends that process's session if it is still the same process, or if it is gone
 * and the session's members were started after it. */
static void reap_line(pid_t pid, unsigned long long start)
{
	unsigned long long now = reap_start_time(pid);
	struct reap_set told = { 0 };

	if (pid <= 1 || start == 0 || (now != 0 && now != start))
		return;
	if (now == 0) {
		size_t len;
		cleanup_free struct process *all = reap_read_all(&len);
		bool left = false;

		for (size_t i = 0; i < len; i++)
			left = left || (all[i].session == pid && all[i].start >= start);
		if (!left)
			return;
	} else {
		/* Time for it to remove its temporary folders. */
		reap_tree(pid, SIGTERM, &told);
		await_end(pid);
	}
	reap_tree(pid, SIGKILL, NULL);
	reap_told(&told);
}

int proc_reap_journal(const char *path, struct error **err)
{
	cleanup_buf struct buf text = { 0 };
	bool found;
	char *line, *rest = NULL;

	if (fs_read_if(path, JOURNAL_MAX, &text, &found, err) < 0)
		return -1;
	if (!found)
		return 0;
	for (line = text.len ? strtok_r(text.data, "\n", &rest) : NULL; line; line = strtok_r(NULL, "\n", &rest)) {
		unsigned long long start;
		int pid;

		if (sscanf(line, "%d %llu", &pid, &start) == 2)
			reap_line((pid_t)pid, start);
	}
	if (unlink(path) < 0 && errno != ENOENT)
		return error_errno(err, ERROR_STATE, errno, "cannot remove %s", path);
	return 0;
}
