#include "config.h"

#include <errno.h>
#include <fcntl.h>
#include <netdb.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/error.h"
#include "base/fs.h"
#include "base/mem.h"
#include "base/pattern.h"
#include "dsl/manifest.h"
#include "engine/io/loop.h"
#include "engine/io/netns.h"
#include "engine/runtime/runtime.h"
#include "engine/stack/probe.h"

#define PAUSE_LEAST_MS 1
#define PAUSE_SHORT_MS \
	10 /* the longest pause while a container is expected to start; later a thousandth of the time spent */
#define PAUSE_MAX_MS 100      /* but no more than this */
#define PAUSE_SHARE 16        /* of the time spent, before that */
#define SLICE_MS 100          /* a cancel is noticed within this time */
#define ATTEMPT_WHOLE_MS 4000 /* when less is left, an attempt may use all of it; else half */
#define ATTEMPT_LEAST_MS 250  /* so that even the last attempt can be answered */
#define TCP_ATTEMPT_MS 1000
#define EXEC_LEAST_MS 5000 /* so that a command of the last attempt can say something, too */
#define EXEC_PAUSE_MS 250  /* between two commands, each a process in the container */
#define LOOK_MS 500 /* when it is first looked at from inside: the kernel takes milliseconds to list who listens */
#define PROXY_CLOSE_MS 250 /* a proxy without anybody behind it closes the connection within this time */

/* Waits for `events` in slices, to notice a cancel. 1 ready, 0 timed out. */
static int wait_fd(struct probe *probe, int fd, short events, uint64_t limit_ms, struct error **err)
{
	uint64_t deadline = loop_now_ms() + limit_ms;

	for (;;) {
		struct pollfd poll_fd = { .fd = fd, .events = events };
		uint64_t now = loop_now_ms(), left = now < deadline ? deadline - now : 0;
		int r = poll(&poll_fd, 1, (int)(left < SLICE_MS ? left : SLICE_MS));

		if (loop_cancelled(probe->loop) || (probe->stop && atomic_load(probe->stop)))
			return error_make(err, ERROR_CANCELLED, "interrupted");
		if (r != 0 && !(r < 0 && errno == EINTR))
			return r > 0;
		if (r == 0 && left <= SLICE_MS)
			return 0;
	}
}

static int begin_connect(struct probe *probe, int *ret_fd)
{
	struct addrinfo hints = { .ai_socktype = SOCK_STREAM, .ai_flags = AI_NUMERICHOST | AI_NUMERICSERV },
			*address = NULL;
	char port[8];
	int r;

	snprintf(port, sizeof(port), "%u", probe->port);
	if (getaddrinfo(probe->host, port, &hints, &address) != 0)
		return EINVAL;
	*ret_fd = probe->inside ? netns_socket(probe->netns, address->ai_family, SOCK_STREAM, 0)
				: socket(address->ai_family, SOCK_STREAM, 0);
	r = *ret_fd < 0 || fcntl(*ret_fd, F_SETFD, FD_CLOEXEC) < 0 || fcntl(*ret_fd, F_SETFL, O_NONBLOCK) < 0 ||
			    connect(*ret_fd, address->ai_addr, address->ai_addrlen) < 0
		    ? errno
		    : 0;
	freeaddrinfo(address);
	return r;
}

/* A proxy has accepted the connection. Is there somebody behind it? If the container's sockets are not visible,
 * assume nobody if the connection is soon closed without a byte. */
static int check_proxy(struct probe *probe, int fd, bool *ret_healthy, struct error **err)
{
	enum listener listener = probe->container ? container_listens(probe->container, probe->inner) : LISTENER_UNKNOWN;
	char byte;

	*ret_healthy = listener == LISTENER_ANY;
	if (listener == LISTENER_UNKNOWN) {
		int r = wait_fd(probe, fd, POLLIN, PROXY_CLOSE_MS, err);

		if (r < 0)
			return -1;
		*ret_healthy = r == 0 || recv(fd, &byte, 1, MSG_PEEK) > 0;
	}
	if (!*ret_healthy)
		buf_str(&probe->why, "nobody listens in the container");
	return 0;
}

int probe_tcp(struct probe *probe, uint64_t limit_ms, bool *ret_healthy, struct error **err)
{
	cleanup_fd int fd = -1;
	socklen_t len = sizeof(int);
	int number = begin_connect(probe, &fd), r = 1;

	buf_reset(&probe->why);
	*ret_healthy = false;
	if (number == EINPROGRESS) {
		r = wait_fd(probe, fd, POLLOUT, limit_ms < TCP_ATTEMPT_MS ? limit_ms : TCP_ATTEMPT_MS, err);
		if (r < 0)
			return -1;
		if (getsockopt(fd, SOL_SOCKET, SO_ERROR, &number, &len) < 0)
			number = errno;
	}
	if (r == 0 || number != 0) {
		buf_str(&probe->why, r == 0                   ? "no answer in time"
				     : number == ECONNREFUSED ? "connection refused"
				     : number == EHOSTUNREACH ? "no route to the host"
							      : "no connection");
		return 0;
	}
	if (!probe->direct)
		return check_proxy(probe, fd, ret_healthy, err);
	*ret_healthy = true;
	return 0;
}

int probe_exec(struct probe *probe, uint64_t limit_ms, bool *ret_healthy, struct error **err)
{
	const struct texts *command = &probe->exec->command;
	cleanup_free const char **words = mem_array(command->len + 1, sizeof(*words));

	for (size_t i = 0; i < command->len; i++)
		words[i] = command->items[i].s;
	buf_reset(&probe->why);
	buf_reset(&probe->answer);
	buf_str(&probe->why, "the command failed");
	return container_healthcheck(probe->container, words, limit_ms > EXEC_LEAST_MS ? limit_ms : EXEC_LEAST_MS,
				     ret_healthy, &probe->answer, err);
}

static int probe_attempt(struct probe *probe, uint64_t left_ms, bool *ret_healthy, struct error **err)
{
	uint64_t limit = left_ms > ATTEMPT_WHOLE_MS ? left_ms / 2 : left_ms;

	if (limit < ATTEMPT_LEAST_MS)
		limit = ATTEMPT_LEAST_MS;
	if (probe->http)
		return probe_http(probe, limit, ret_healthy, err);
	if (probe->grpc)
		return probe_grpc(probe, limit, ret_healthy, err);
	return probe->exec ? probe_exec(probe, limit, ret_healthy, err) : probe_tcp(probe, limit, ret_healthy, err);
}

uint64_t probe_pause(uint64_t spent_ms)
{
	uint64_t most = spent_ms / 1000, pause = spent_ms / PAUSE_SHARE;

	if (most < PAUSE_SHORT_MS)
		most = PAUSE_SHORT_MS;
	if (most > PAUSE_MAX_MS)
		most = PAUSE_MAX_MS;
	return pause < PAUSE_LEAST_MS ? PAUSE_LEAST_MS : pause > most ? most : pause;
}

/* Somebody listens, and no connection comes about: another route, or a firewall, is in between. Then it is asked from
 * inside. */
static int look_inside(struct probe *probe, struct error **err)
{
	cleanup_buf struct buf why = { 0 };
	bool reached = false;
	int netns;

	if (probe->inside || probe->exec || !probe->direct || probe->status != 0 ||
	    container_listens(probe->container, probe->inner) != LISTENER_ANY)
		return 0;
	buf_add(&why, probe->why.data, probe->why.len);
	if (probe_tcp(probe, TCP_ATTEMPT_MS, &reached, err) < 0)
		return -1;
	buf_reset(&probe->why);
	buf_add(&probe->why, why.data, why.len);
	netns = reached ? -1 : container_netns(probe->container);
	if (netns < 0)
		return 0;
	probe->netns = netns;
	probe->inside = true;
	return 0;
}

int probe_wait(struct probe *probe, uint64_t timeout_ms, enum probe_outcome *ret, int *ret_status, uint64_t *ret_took,
	       struct error **err)
{
	uint64_t start = loop_now_ms(), look = LOOK_MS;

	for (;;) {
		bool running = true, healthy = false;
		uint64_t spent = loop_now_ms() - start, pause;

		if (probe_attempt(probe, spent < timeout_ms ? timeout_ms - spent : 0, &healthy, err) < 0)
			return -1;
		spent = loop_now_ms() - start;
		*ret_took = spent;
		*ret = PROBE_HEALTHY;
		if (healthy)
			return 0;
		if (container_state(probe->container, &running, ret_status, err) < 0)
			return -1;
		if (running && spent >= look && look_inside(probe, err) < 0)
			return -1;
		if (spent >= look)
			look = 2 * spent;
		*ret = running ? PROBE_LATE : PROBE_ENDED;
		if (!running || spent >= timeout_ms)
			return 0;
		pause = probe->exec ? EXEC_PAUSE_MS : probe_pause(spent);
		if (loop_pause_unless(probe->loop, pause < timeout_ms - spent ? pause : timeout_ms - spent, probe->stop,
				      err) < 0)
			return -1;
	}
}

void probe_free(struct probe *probe)
{
	if (probe->inside)
		close(probe->netns);
	pattern_free(probe->pattern);
	buf_free(&probe->why);
	buf_free(&probe->answer);
	buf_free(&probe->wrong);
}
