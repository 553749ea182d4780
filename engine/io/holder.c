#include "config.h"

#include <dirent.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/fs.h"
#include "base/mem.h"
#include "engine/io/holder.h"

#define SOCKETS_MAX (8u << 20) /* bytes of a list of sockets */
#define NAME_MAX_BYTES 256     /* of a program's name */
#define INODES_MAX 64          /* sockets with the port that are looked for */
#define TCP_LISTEN 0x0a        /* linux/tcp_states.h */

struct holder_sockets {
	unsigned long inodes[INODES_MAX];
	size_t len;
};

/* Lines such as "   0: 0100007F:1F40 00000000:0000 0A 00000000:00000000 00:00000000 00000000 0 0 4711" after a heading
 * (proc_net_tcp.rst). */
static void read_sockets(const char *path, uint16_t port, bool udp, struct holder_sockets *ret)
{
	cleanup_buf struct buf text = { 0 };

	if (fs_read(path, SOCKETS_MAX, &text, NULL) < 0 || !text.data)
		return;
	for (const char *line = strchr(text.data, '\n'); line && line[1]; line = strchr(line + 1, '\n')) {
		unsigned local = 0, state = 0;
		unsigned long inode = 0;

		if (sscanf(line, " %*u: %*[0-9A-Fa-f]:%x %*[0-9A-Fa-f]:%*x %x %*s %*s %*s %*u %*u %lu", &local, &state,
			   &inode) == 3 &&
		    local == port && (udp || state == TCP_LISTEN) && ret->len < INODES_MAX)
			ret->inodes[ret->len++] = inode;
	}
}

/* Whether the link of a descriptor is "socket:[4711]" of one of them. */
static bool is_holder_socket(const char *link, const struct holder_sockets *sockets)
{
	unsigned long inode = 0;
	bool found = false;

	if (sscanf(link, "socket:[%lu]", &inode) != 1)
		return false;
	for (size_t i = 0; i < sockets->len && !found; i++)
		found = sockets->inodes[i] == inode;
	return found;
}

static bool process_holds(int pid, const struct holder_sockets *sockets)
{
	cleanup_free char *folder = mem_printf("/proc/%d/fd", pid);
	DIR *dir = opendir(folder);
	struct dirent *entry;
	bool found = false;

	while (dir && !found && (entry = readdir(dir))) {
		char link[PATH_MAX];
		ssize_t len = readlinkat(dirfd(dir), entry->d_name, link, sizeof(link) - 1);

		link[len > 0 ? len : 0] = '\0';
		found = is_holder_socket(link, sockets);
	}
	if (dir)
		closedir(dir);
	return found;
}

static char *process_name(int pid)
{
	cleanup_free char *path = mem_printf("/proc/%d/comm", pid);
	cleanup_buf struct buf text = { 0 };

	if (fs_read(path, NAME_MAX_BYTES, &text, NULL) < 0 || !text.data)
		return NULL;
	return mem_strndup(text.data, strcspn(text.data, "\n"));
}

char *holder_find(uint16_t port, bool udp, int *ret_pid)
{
	struct holder_sockets sockets = { 0 };
	struct dirent *entry;
	DIR *proc;
	int pid = 0;

	read_sockets(udp ? "/proc/net/udp" : "/proc/net/tcp", port, udp, &sockets);
	read_sockets(udp ? "/proc/net/udp6" : "/proc/net/tcp6", port, udp, &sockets);
	proc = sockets.len > 0 ? opendir("/proc") : NULL;
	while (proc && pid == 0 && (entry = readdir(proc))) {
		int one = atoi(entry->d_name);

		pid = one > 0 && process_holds(one, &sockets) ? one : 0;
	}
	if (proc)
		closedir(proc);
	*ret_pid = pid;
	return pid > 0 ? process_name(pid) : NULL;
}
