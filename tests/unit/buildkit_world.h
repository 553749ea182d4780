#ifndef TESTS_UNIT_BUILDKIT_WORLD_H
#define TESTS_UNIT_BUILDKIT_WORLD_H

/* Two ends of a connection in one process: a server of the tests' own, and the client that is tested. */

#include <stdio.h>
#include <sys/socket.h>

#include "base/buf.h"
#include "engine/buildkit/conn.h"
#include "engine/buildkit/control.h"
#include "engine/buildkit/grpc.h"
#include "engine/buildkit/h2.h"
#include "engine/buildkit/proto/control.pb-c.h"
#include "engine/buildkit/proto/message.h"
#include "tests/unit/world.h"

struct peer {
	struct grpc_server *server;
	struct h2 *h2;     /* the server's end */
	struct h2 *client; /* or NULL, when the test has the bare socket */
	int fd;            /* that one */
};

UNUSED static void sockets(int pair[2])
{
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, pair), 0);
}

UNUSED static struct h2_role with_window(struct h2_role role, uint32_t window)
{
	role.window = window;
	return role;
}

/* `window`: of both ends; 0: as usual. */
UNUSED static void peer_start(struct peer *peer, const struct grpc_method *methods, size_t len, uint32_t window)
{
	struct h2_role role;
	int pair[2];

	*peer = (struct peer){ .fd = -1 };
	sockets(pair);
	ok(grpc_server_new(methods, len, &peer->server, err));
	role = with_window(grpc_server_role(peer->server), window);
	ok(h2_start(NULL, conn_take(pair[0], "the test's client"), &role, &peer->h2, err));
	role = with_window((struct h2_role){ 0 }, window);
	ok(h2_start(NULL, conn_take(pair[1], "the test's server"), &role, &peer->client, err));
}

UNUSED static void peer_stop(struct peer *peer)
{
	h2_free(peer->client);
	h2_cut(peer->h2);
	grpc_server_free(peer->server);
	h2_free(peer->h2);
	if (peer->fd >= 0)
		close(peer->fd);
}

UNUSED static Bk__Carried carried(const void *data, size_t len)
{
	Bk__Carried message = BK__CARRIED__INIT;

	message.data.data = (uint8_t *)(uintptr_t)data;
	message.data.len = len;
	return message;
}

/* Every message comes back. */
UNUSED static int serve_echo(void *data, struct grpc_call *call, struct error **err)
{
	void *message;
	int r;

	(void)data;
	while ((r = grpc_receive(call, &bk__carried__descriptor, &message, err)) > 0) {
		r = grpc_send(call, message, err);
		message_free(message);
		if (r < 0)
			return -1;
	}
	return r;
}

#endif
