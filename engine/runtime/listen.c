#include "config.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <string.h>

#include "base/buf.h"
#include "base/fs.h"
#include "base/mem.h"
#include "engine/runtime/runtime_ops.h"

#define SOCKETS_MAX (8u << 20) /* bytes of a list of sockets */
#define STATE_LISTEN 0x0a      /* TCP_LISTEN, linux/tcp_states.h */
#define WORD_DIGITS 8          /* of an address: four bytes as a number of this machine */

/* 127.0.0.0/8, also as an IPv6 address (::ffff:127.0.0.1), or ::1. */
static enum listener listener_at(const char *address)
{
	size_t len = strlen(address);
	unsigned last = 0;
	bool four = len == WORD_DIGITS || strncmp(address, "0000000000000000FFFF0000", len - WORD_DIGITS) == 0;

	sscanf(address + len - WORD_DIGITS, "%8x", &last);
	if (four)
		return ntohl(last) >> 24 == 127 ? LISTENER_LOOPBACK : LISTENER_ANY;
	return strspn(address, "0") >= len - WORD_DIGITS && ntohl(last) == 1 ? LISTENER_LOOPBACK6 : LISTENER_ANY;
}

/* Lines such as "   0: 0100007F:1F40 00000000:0000 0A ..." after a heading (proc_net_tcp.rst). */
enum listener listen_find(const char *text, uint16_t port)
{
	enum listener found = LISTENER_NONE;

	for (const char *line = strchr(text, '\n'); line && line[1]; line = strchr(line + 1, '\n')) {
		unsigned local = 0, state = 0;
		char address[4 * WORD_DIGITS + 1];

		if (sscanf(line, " %*u: %32[0-9A-F]:%x %*[0-9A-F]:%*x %x", address, &local, &state) != 3 ||
		    local != port || state != STATE_LISTEN || strlen(address) < WORD_DIGITS)
			continue;
		if (listener_at(address) > found)
			found = listener_at(address);
	}
	return found;
}

enum listener listen_look(int pid, uint16_t port)
{
	static const char *const names[] = { "tcp", "tcp6" };
	enum listener found = LISTENER_UNKNOWN;

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		cleanup_free char *path = mem_printf("/proc/%d/net/%s", pid, names[i]);
		cleanup_buf struct buf text = { 0 };
		enum listener one;

		if (fs_read(path, SOCKETS_MAX, &text, NULL) < 0)
			continue;
		one = listen_find(text.data ? text.data : "", port);
		if (one > found)
			found = one;
	}
	return found;
}
