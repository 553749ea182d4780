#include "config.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/error.h"
#include "base/fs.h"
#include "base/debug_trace.h"
#include "engine/io/io_trace.h"
#include "engine/io/loop.h"
#include "engine/io/socket.h"

#define READ_CHUNK 65536

/* Waits until the socket is ready for `events`; an error when the deadline has passed. */
static int ready(int fd, short events, uint64_t deadline, const char *path, struct error **err)
{
	struct pollfd poll_fd = { .fd = fd, .events = events };
	uint64_t now = loop_now_ms();
	int r;

	do
		r = poll(&poll_fd, 1, now < deadline ? (int)(deadline - now) : 0);
	while (r < 0 && errno == EINTR);
	if (r < 0)
		return error_errno(err, ERROR_TOOL, errno, "%s", path);
	return r > 0 ? 0 : error_make(err, ERROR_TOOL, "%s does not answer", path);
}

static int connect_to(const char *path, uint64_t deadline, struct error **err)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	int fd;

	if (strlen(path) >= sizeof(address.sun_path))
		return error_make(err, ERROR_TOOL, "%s: the path is too long for a socket", path);
	memcpy(address.sun_path, path, strlen(path) + 1);
	fd = socket(AF_UNIX, SOCK_STREAM, 0);
	if (fd < 0 || fcntl(fd, F_SETFD, FD_CLOEXEC) < 0 || fcntl(fd, F_SETFL, O_NONBLOCK) < 0) {
		error_errno(err, ERROR_TOOL, errno, "%s", path);
		fd_cleanup(&fd);
		return -1;
	}
	while (connect(fd, (struct sockaddr *)&address, sizeof(address)) < 0) {
		/* EAGAIN: the listener's queue is full; there is no event to wait for, so wait some time. */
		if (errno != EAGAIN || loop_now_ms() >= deadline) {
			error_errno(err, ERROR_TOOL, errno, "cannot connect to %s", path);
			close(fd);
			return -1;
		}
		poll(NULL, 0, 5);
	}
	return fd;
}

static int socket_send_all(int fd, const char *data, size_t len, uint64_t deadline, const char *path, struct error **err)
{
	while (len > 0) {
		ssize_t n = send(fd, data, len, MSG_NOSIGNAL);

		if (n > 0) {
			data += n;
			len -= (size_t)n;
		} else if (n < 0 && errno == EAGAIN) {
			if (ready(fd, POLLOUT, deadline, path, err) < 0)
				return -1;
		} else if (n < 0 && errno != EINTR) {
			return error_errno(err, ERROR_TOOL, errno, "cannot write to %s", path);
		}
	}
	return 0;
}

static int receive_all(int fd, struct buf *answer, uint64_t deadline, const char *path, struct error **err)
{
	for (;;) {
		ssize_t n;

		if (ready(fd, POLLIN, deadline, path, err) < 0)
			return -1;
		n = recv(fd, buf_room(answer, READ_CHUNK), READ_CHUNK, 0);
		if (n == 0)
			return 0;
		if (n < 0 && (errno == EAGAIN || errno == EINTR))
			continue;
		if (n < 0)
			return error_errno(err, ERROR_TOOL, errno, "cannot read from %s", path);
		buf_filled(answer, (size_t)n);
		if (answer->len > SOCKET_BODY_MAX)
			return error_make(err, ERROR_TOOL, "the answer of %s is longer than %u MiB", path,
					  SOCKET_BODY_MAX >> 20);
	}
}

static int socket_ask(const char *path, const char *target, uint64_t deadline_ms, struct buf *ret, int *ret_status,
		      struct error **err)
{
	uint64_t deadline = loop_now_ms() + deadline_ms;
	cleanup_buf struct buf request = { 0 }, answer = { 0 };
	cleanup_fd int fd = -1;
	const char *body;

	buf_printf(&request, "GET %s HTTP/1.0\r\nHost: localhost\r\n\r\n", target);
	fd = connect_to(path, deadline, err);
	if (fd < 0 || socket_send_all(fd, request.data, request.len, deadline, path, err) < 0 ||
	    receive_all(fd, &answer, deadline, path, err) < 0)
		return -1;
	body = answer.data ? strstr(answer.data, "\r\n\r\n") : NULL;
	if (!body || sscanf(answer.data, "HTTP/1.%*c %d", ret_status) != 1)
		return error_make(err, ERROR_TOOL, "%s does not speak HTTP", path);
	if (*ret_status != 200)
		return error_make(err, ERROR_TOOL, "%s answers %s with status %d", path, target, *ret_status);
	body += 4;
	buf_add(ret, body, answer.len - (size_t)(body - answer.data));
	return 0;
}

int socket_get(const char *path, const char *target, uint64_t deadline_ms, struct buf *ret, struct error **err)
{
	struct request_facts facts = { .method = "GET", .url = target, .socket = path };
	size_t before = ret->len;
	struct error *error = NULL;
	int status = 0, r;

	if (trace_on())
		facts.begun = trace_now();
	r = socket_ask(path, target, deadline_ms, ret, &status, &error);
	facts.status = status;
	facts.received = (int64_t)(ret->len - before);
	facts.why = error;
	request_trace(&facts);
	return r < 0 ? error_move(err, &error) : 0;
}

bool socket_listens(const char *path)
{
	cleanup_fd int fd = connect_to(path, 0, NULL);

	return fd >= 0;
}
