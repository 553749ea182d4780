#ifndef TESTS_UNIT_IO_WORLD_H
#define TESTS_UNIT_IO_WORLD_H

/* A loop with one task in it, and a tiny server to talk to. */

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <poll.h>
#include <pthread.h>
#include <stdatomic.h>
#include <sys/socket.h>
#include <sys/un.h>

#include "engine/io/loop.h"
#include "tests/unit/oci_world.h"

struct in_task {
	struct loop *loop;
	void (*work)(struct loop *loop, void *data);
	void *data;
	uint64_t cancel_ms; /* 0: never */
	uint64_t begun;
};

UNUSED static void in_task_work(void *arg)
{
	struct in_task *task = arg;

	task->work(task->loop, task->data);
}

UNUSED static void in_task_done(void *arg)
{
	struct in_task *task = arg;

	loop_stop(task->loop);
}

UNUSED static void in_task_tick(void *arg)
{
	struct in_task *task = arg;

	if (loop_now_ms() - task->begun >= task->cancel_ms)
		loop_cancel(task->loop);
}

/* Runs `work` as a task of a loop of its own, which is cancelled after `cancel_ms` unless that is 0. */
UNUSED static void run_task(void (*work)(struct loop *loop, void *data), void *data, uint64_t cancel_ms)
{
	struct in_task task = { .work = work, .data = data, .cancel_ms = cancel_ms, .begun = loop_now_ms() };

	ok(loop_new(&task.loop, err));
	if (cancel_ms > 0)
		loop_ticker(task.loop, 10, in_task_tick, &task);
	ok(loop_task(task.loop, in_task_work, in_task_done, &task, err));
	ok(loop_run(task.loop, err));
	loop_free(task.loop);
}

enum server_manner {
	SERVER_ANSWER,  /* sends `answer` and closes */
	SERVER_CLOSE,   /* closes at once */
	SERVER_RESET,   /* reads the request, then resets */
	SERVER_SILENT,  /* reads and says nothing */
	SERVER_DRIP,    /* sends `answer`, then a byte every 20 ms */
	SERVER_ENDLESS, /* sends `answer`, then bytes without end */
	SERVER_HEADERS, /* sends `answer`, then header lines without end */
	SERVER_BY_PATH  /* /a redirects to /b, /b to /c, /c answers 200, /loop to itself, /away to `answer` */
};

struct server {
	enum server_manner manner;
	const char *answer;
	char *unix_path; /* or NULL: TCP on the loopback address */
	uint16_t port;
	int fd, wake[2];
	pthread_t thread;
	char request[8192]; /* the last one */
	size_t request_len;
	atomic_uint connections;
};

UNUSED static void server_send(int fd, const char *text, size_t len)
{
	while (len > 0) {
		ssize_t n = send(fd, text, len, MSG_NOSIGNAL);

		if (n <= 0)
			return;
		text += n;
		len -= (size_t)n;
	}
}

/* Reads the header and, by its Content-Length, the body; what is too much is read and not kept. */
UNUSED static void server_read(struct server *server, int fd)
{
	size_t len = 0, want = 0;
	char block[4096];

	server->request_len = 0;
	for (;;) {
		size_t room = sizeof(server->request) - 1 - server->request_len;
		ssize_t n = recv(fd, block, sizeof(block), 0);
		const char *end, *length;

		if (n <= 0)
			return;
		len += (size_t)n;
		room = room < (size_t)n ? room : (size_t)n;
		memcpy(server->request + server->request_len, block, room);
		server->request_len += room;
		server->request[server->request_len] = '\0';
		end = strstr(server->request, "\r\n\r\n");
		length = strstr(server->request, "Content-Length: ");
		if (length)
			want = strtoul(length + 16, NULL, 10);
		if (end && len >= (size_t)(end + 4 - server->request) + want)
			return;
	}
}

UNUSED static bool server_ending(struct server *server, int ms)
{
	struct pollfd fd = { .fd = server->wake[0], .events = POLLIN };

	return poll(&fd, 1, ms) > 0;
}

UNUSED static void server_redirect(int fd, const char *to)
{
	char text[512];
	int len = snprintf(text, sizeof(text),
			   "HTTP/1.1 302 Found\r\nLocation: %s\r\nContent-Length: 0\r\nConnection: close\r\n\r\n", to);

	server_send(fd, text, (size_t)len);
}

UNUSED static void server_by_path(struct server *server, int fd)
{
	static const char good[] = "HTTP/1.1 200 OK\r\nContent-Length: 4\r\nConnection: close\r\n\r\ngood";

	if (strncmp(server->request, "GET /a ", 7) == 0)
		server_redirect(fd, "/b");
	else if (strncmp(server->request, "GET /b ", 7) == 0)
		server_redirect(fd, "/c");
	else if (strncmp(server->request, "GET /loop ", 10) == 0)
		server_redirect(fd, "/loop");
	else if (strncmp(server->request, "GET /away ", 10) == 0)
		server_redirect(fd, server->answer);
	else
		server_send(fd, good, sizeof(good) - 1);
}

UNUSED static void server_serve(struct server *server, int fd)
{
	static const char block[65536];
	struct linger linger = { .l_onoff = 1 };

	atomic_fetch_add(&server->connections, 1);
	if (server->manner == SERVER_CLOSE)
		return;
	server_read(server, fd);
	if (server->manner == SERVER_BY_PATH) {
		server_by_path(server, fd);
	} else if (server->manner == SERVER_RESET) {
		setsockopt(fd, SOL_SOCKET, SO_LINGER, &linger, sizeof(linger));
	} else if (server->manner == SERVER_SILENT) {
		server_ending(server, -1);
	} else {
		server_send(fd, server->answer, strlen(server->answer));
	}
	while (server->manner == SERVER_DRIP && !server_ending(server, 20)) {
		if (send(fd, "x", 1, MSG_NOSIGNAL) <= 0)
			return;
	}
	while (server->manner == SERVER_HEADERS && !server_ending(server, 0)) {
		if (send(fd, "X-Header: some value\r\n", 22, MSG_NOSIGNAL) <= 0)
			return;
	}
	while (server->manner == SERVER_ENDLESS && !server_ending(server, 0)) {
		if (send(fd, block, sizeof(block), MSG_NOSIGNAL) <= 0)
			return;
	}
}

UNUSED static void *server_main(void *arg)
{
	struct server *server = arg;

	for (;;) {
		struct pollfd fds[2] = { { .fd = server->fd, .events = POLLIN },
					 { .fd = server->wake[0], .events = POLLIN } };
		int fd;

		poll(fds, 2, -1);
		if (fds[1].revents)
			return NULL;
		fd = accept(server->fd, NULL, NULL);
		if (fd < 0)
			continue;
		server_serve(server, fd);
		close(fd);
	}
}

UNUSED static void server_start(struct server *server)
{
	struct sockaddr_in tcp = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	struct sockaddr_un local = { .sun_family = AF_UNIX };
	socklen_t len = sizeof(tcp);

	if (server->unix_path)
		snprintf(local.sun_path, sizeof(local.sun_path), "%s", server->unix_path);
	server->fd = socket(server->unix_path ? AF_UNIX : AF_INET, SOCK_STREAM, 0);
	assert_true(server->fd >= 0);
	if (server->unix_path)
		assert_int_equal(bind(server->fd, (struct sockaddr *)&local, sizeof(local)), 0);
	else
		assert_int_equal(bind(server->fd, (struct sockaddr *)&tcp, sizeof(tcp)), 0);
	assert_int_equal(listen(server->fd, 16), 0);
	if (!server->unix_path) {
		assert_int_equal(getsockname(server->fd, (struct sockaddr *)&tcp, &len), 0);
		server->port = ntohs(tcp.sin_port);
	}
	assert_int_equal(pipe(server->wake), 0);
	assert_int_equal(pthread_create(&server->thread, NULL, server_main, server), 0);
}

UNUSED static void server_stop(struct server *server)
{
	assert_int_equal(write(server->wake[1], "x", 1), 1);
	pthread_join(server->thread, NULL);
	close(server->fd);
	close(server->wake[0]);
	close(server->wake[1]);
}

/* A port on the loopback address that nobody listens on. */
UNUSED static uint16_t dead_port(void)
{
	struct server server = { .manner = SERVER_CLOSE };

	server_start(&server);
	server_stop(&server);
	return server.port;
}

#endif
