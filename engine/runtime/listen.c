#include "config.h"

#include <stdio.h>
#include <string.h>

#include "base/buf.h"
#include "base/fs.h"
#include "base/mem.h"
#include "engine/runtime/runtime_ops.h"

#define SOCKETS_MAX (8u << 20) /* bytes of a list of sockets */
#define STATE_LISTEN 0x0a      /* TCP_LISTEN, linux/tcp_states.h */

/* Lines such as "   0: 0100007F:1F40 00000000:0000 0A ..." after a heading (proc_net_tcp.rst). */
bool listen_find(const char *text, uint16_t port)
{
	for (const char *line = strchr(text, '\n'); line && line[1]; line = strchr(line + 1, '\n')) {
		unsigned local = 0, state = 0;

		if (sscanf(line, " %*u: %*[0-9A-Fa-f]:%x %*[0-9A-Fa-f]:%*x %x", &local, &state) == 2 && local == port &&
		    state == STATE_LISTEN)
			return true;
	}
	return false;
}

int listen_look(int pid, uint16_t port)
{
	static const char *const names[] = { "tcp", "tcp6" };
	int found = -1;

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		cleanup_free char *path = mem_printf("/proc/%d/net/%s", pid, names[i]);
		cleanup_buf struct buf text = { 0 };

		if (fs_read(path, SOCKETS_MAX, &text, NULL) < 0)
			continue;
		if (text.data && listen_find(text.data, port))
			return 1;
		found = 0;
	}
	return found;
}
