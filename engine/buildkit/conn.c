#include "config.h"

#include "engine/buildkit/conn.h"

#include <errno.h>
#include <fcntl.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/error.h"
#include "base/fs.h"
#include "base/json.h"
#include "base/mem.h"
#include "base/text.h"
#include "base/debug_trace.h"
#include "engine/buildkit/tls.h"
#include "engine/io/loop.h"

#define UNIX_SCHEME "unix://"
#define TCP_SCHEME "tcp://"
#define TICK_MS 50           /* how long a cancel may go unnoticed */
#define HEAD_MAX 16384       /* bytes of the answer to POST /grpc */
#define COMPLAINT_MAX 2048   /* bytes of a child's stderr that are shown */
#define CHILD_GRACE_TICKS 40 /* of TICK_MS, from SIGTERM to SIGKILL */

extern char **environ;

struct conn {
	int fd;
	char *name;
	struct tls *tls; /* or NULL */
	short wants;
	struct buf early; /* read together with the answer to POST /grpc, and not yet returned */
	size_t early_at;
	pid_t child;    /* 0: none */
	int complaints; /* a file that collects its stderr, or -1 */
};

/* The time limit of an opening. */
struct limit {
	struct loop *loop;
	uint64_t end;
};

static int set_flags(int fd)
{
	return fcntl(fd, F_SETFD, FD_CLOEXEC) < 0 || fcntl(fd, F_SETFL, O_NONBLOCK) < 0 ? -1 : 0;
}

static struct conn *new_conn(int fd, const char *name)
{
	struct conn *conn = mem_alloc(sizeof(*conn));

	*conn = (struct conn){ .fd = fd, .name = mem_strdup(name), .complaints = -1, .wants = POLLIN };
	return conn;
}

struct conn *conn_take(int fd, const char *name)
{
	set_flags(fd);
	return new_conn(fd, name);
}

/* Ends the child's process group; the other end of its pipe sees the end of the stream. */
static void end_child(struct conn *conn)
{
	int status, ticks = 0;

	kill(-conn->child, SIGTERM);
	while (waitpid(conn->child, &status, WNOHANG) == 0) {
		if (++ticks == CHILD_GRACE_TICKS)
			kill(-conn->child, SIGKILL);
		poll(NULL, 0, TICK_MS);
	}
}

void conn_free(struct conn *conn)
{
	if (!conn)
		return;
	tls_free(conn->tls);
	fd_cleanup(&conn->fd);
	if (conn->child > 0)
		end_child(conn);
	fd_cleanup(&conn->complaints);
	buf_free(&conn->early);
	free(conn->name);
	free(conn);
}

void conn_cleanup(struct conn **conn)
{
	conn_free(*conn);
}

const char *conn_name(const struct conn *conn)
{
	return conn->name;
}

int conn_fd(const struct conn *conn)
{
	return conn->fd;
}

short conn_wants(const struct conn *conn)
{
	return conn->tls ? tls_wants(conn->tls) : conn->wants;
}

/* Appends the child's last words to a message about it. */
static void add_complaint(const struct conn *conn, struct error **err)
{
	char text[COMPLAINT_MAX];
	cleanup_buf struct buf safe = { 0 };
	off_t end = conn->complaints < 0 ? 0 : lseek(conn->complaints, 0, SEEK_END);
	ssize_t len;

	if (!err || !*err || end <= 0)
		return;
	len = pread(conn->complaints, text, sizeof(text), end > COMPLAINT_MAX ? end - COMPLAINT_MAX : 0);
	while (len > 0 && text[len - 1] == '\n')
		len--;
	if (len <= 0)
		return;
	text_safe_lines(&safe, text, (size_t)len);
	error_wrap(err, "%s", safe.data);
}

static int lost(const struct conn *conn, struct error **err, int errnum)
{
	struct error *error = NULL;

	if (errnum)
		error_errno(&error, ERROR_TOOL, errnum, "%s: the connection was lost", conn->name);
	else
		error_make(&error, ERROR_TOOL, "%s closed the connection", conn->name);
	error->transient = true;
	add_complaint(conn, &error);
	return error_move(err, &error);
}

ssize_t conn_read(struct conn *conn, void *data, size_t len, struct error **err)
{
	ssize_t n;

	if (conn->early_at < conn->early.len) {
		size_t rest = conn->early.len - conn->early_at;

		n = (ssize_t)(rest < len ? rest : len);
		memcpy(data, conn->early.data + conn->early_at, (size_t)n);
		conn->early_at += (size_t)n;
		return n;
	}
	if (conn->tls)
		return tls_read(conn->tls, data, len, err);
	do
		n = recv(conn->fd, data, len, 0);
	while (n < 0 && errno == EINTR);
	conn->wants = POLLIN;
	if (n > 0)
		return n;
	return n < 0 && errno == EAGAIN ? 0 : lost(conn, err, n < 0 ? errno : 0);
}

ssize_t conn_write(struct conn *conn, const void *data, size_t len, struct error **err)
{
	ssize_t n;

	if (conn->tls)
		return tls_write(conn->tls, data, len, err);
	do
		n = send(conn->fd, data, len, MSG_NOSIGNAL);
	while (n < 0 && errno == EINTR);
	conn->wants = POLLOUT;
	if (n >= 0)
		return n;
	return errno == EAGAIN ? 0 : lost(conn, err, errno);
}

/* Waits for the descriptor. */
static int wait_for(int fd, short events, const struct limit *limit, const char *name, struct error **err)
{
	for (;;) {
		struct pollfd poll_fd = { .fd = fd, .events = events };
		int r = poll(&poll_fd, 1, TICK_MS);

		if (r > 0)
			return 0;
		if (r < 0 && errno != EINTR)
			return error_errno(err, ERROR_TOOL, errno, "%s", name);
		if (limit->loop && loop_cancelled(limit->loop))
			return error_make(err, ERROR_CANCELLED, "interrupted");
		if (loop_now_ms() >= limit->end) {
			struct error *error = NULL;

			error_make(&error, ERROR_TOOL, "%s does not answer", name);
			error->transient = true;
			return error_move(err, &error);
		}
	}
}

static int refused(const char *name, int errnum, struct error **err)
{
	struct error *error = NULL;

	error_errno(&error, ERROR_TOOL, errnum, "cannot connect to %s", name);
	error->transient = errnum == ECONNREFUSED || errnum == ECONNRESET || errnum == EHOSTUNREACH ||
			   errnum == ENETUNREACH || errnum == ETIMEDOUT;
	if (errnum == EACCES || errnum == EPERM)
		error_remedy(&error, "this user may not use that socket: join the group that owns it (and log in again)");
	else
		error_remedy(&error, "start the daemon, or set its address");
	return error_move(err, &error);
}

static int finish_connect(int fd, const struct limit *limit, const char *name, struct error **err)
{
	int errnum = 0;
	socklen_t len = sizeof(errnum);

	if (wait_for(fd, POLLOUT, limit, name, err) < 0)
		return -1;
	if (getsockopt(fd, SOL_SOCKET, SO_ERROR, &errnum, &len) < 0)
		errnum = errno;
	return errnum ? refused(name, errnum, err) : 0;
}

static int connect_fd(int fd, const struct sockaddr *address, socklen_t len, const struct limit *limit,
		      const char *name, struct error **err)
{
	if (set_flags(fd) < 0)
		return error_errno(err, ERROR_TOOL, errno, "%s", name);
	while (connect(fd, address, len) < 0) {
		if (errno == EINPROGRESS)
			return finish_connect(fd, limit, name, err);
		/* EAGAIN: the listener's queue is full. */
		if (errno != EAGAIN || loop_now_ms() >= limit->end)
			return refused(name, errno, err);
		poll(NULL, 0, 5);
	}
	return 0;
}

static int open_unix(const char *url, const struct limit *limit, int *ret_fd, struct error **err)
{
	const char *path = url + strlen(UNIX_SCHEME);
	struct sockaddr_un address = { .sun_family = AF_UNIX };

	if (!*path || strlen(path) >= sizeof(address.sun_path))
		return error_make(err, ERROR_USAGE, "%s is not the path of a socket", url);
	memcpy(address.sun_path, path, strlen(path) + 1);
	*ret_fd = socket(AF_UNIX, SOCK_STREAM, 0);
	if (*ret_fd < 0)
		return error_errno(err, ERROR_STATE, errno, "%s: a socket", url);
	return connect_fd(*ret_fd, (struct sockaddr *)&address, sizeof(address), limit, url, err);
}

/* "host:port" or "[::1]:port". */
static int split_url(const char *url, char **ret_host, char **ret_port, struct error **err)
{
	const char *host = url + strlen(TCP_SCHEME), *colon = strrchr(host, ':');
	size_t len = colon ? (size_t)(colon - host) : 0;

	if (len > 1 && host[0] == '[' && host[len - 1] == ']') {
		host++;
		len -= 2;
	}
	if (len == 0 || strspn(colon + 1, "0123456789") == 0 || colon[1 + strspn(colon + 1, "0123456789")])
		return error_make(err, ERROR_USAGE, "%s: the address needs a host and a port, tcp://HOST:PORT", url);
	*ret_host = mem_strndup(host, len);
	*ret_port = mem_strdup(colon + 1);
	return 0;
}

static int open_tcp(const char *url, const char *host, const char *port, const struct limit *limit, int *ret_fd,
		    struct error **err)
{
	const struct addrinfo hints = { .ai_family = AF_UNSPEC, .ai_socktype = SOCK_STREAM };
	struct addrinfo *list = NULL;
	cleanup_error struct error *first = NULL;
	int r = getaddrinfo(host, port, &hints, &list), on = 1;

	if (r != 0) {
		struct error *error = NULL;

		error_make(&error, ERROR_TOOL, "cannot connect to %s: %s", url, gai_strerror(r));
		error->transient = r == EAI_AGAIN;
		return error_move(err, &error);
	}
	r = -1;
	for (const struct addrinfo *info = list; r < 0 && info; info = info->ai_next) {
		fd_cleanup(ret_fd);
		*ret_fd = socket(info->ai_family, info->ai_socktype, info->ai_protocol);
		r = *ret_fd < 0 ? error_errno(&first, ERROR_STATE, errno, "%s: a socket", url)
				: connect_fd(*ret_fd, info->ai_addr, info->ai_addrlen, limit, url, &first);
	}
	freeaddrinfo(list);
	if (r < 0)
		return error_move(err, &first);
	/* Send small frames at once, and notice a peer that is gone. */
	setsockopt(*ret_fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
	setsockopt(*ret_fd, SOL_SOCKET, SO_KEEPALIVE, &on, sizeof(on));
	return 0;
}

static int shake(struct conn *conn, const struct limit *limit, struct error **err)
{
	for (;;) {
		int r = tls_shake(conn->tls, err);

		if (r != 0)
			return r < 0 ? -1 : 0;
		if (wait_for(conn->fd, tls_wants(conn->tls), limit, conn->name, err) < 0)
			return -1;
	}
}

static int spawn(struct conn *conn, const char *const *argv, int other, struct error **err)
{
	FILE *file = tmpfile();
	posix_spawn_file_actions_t actions;
	posix_spawnattr_t attr;
	int r;

	conn->complaints = file ? fcntl(fileno(file), F_DUPFD_CLOEXEC, 0) : -1;
	if (file)
		fclose(file);
	if (conn->complaints < 0)
		return error_errno(err, ERROR_STATE, errno, "a temporary file");
	posix_spawn_file_actions_init(&actions);
	posix_spawnattr_init(&attr);
	posix_spawn_file_actions_adddup2(&actions, other, STDIN_FILENO);
	posix_spawn_file_actions_adddup2(&actions, other, STDOUT_FILENO);
	posix_spawn_file_actions_adddup2(&actions, conn->complaints, STDERR_FILENO);
	/* In its own process group: an interrupt at the terminal is meant for us. */
	posix_spawnattr_setflags(&attr, POSIX_SPAWN_SETPGROUP);
	posix_spawnattr_setpgroup(&attr, 0);
	r = posix_spawnp(&conn->child, argv[0], &actions, &attr, (char *const *)(uintptr_t)argv, environ);
	posix_spawnattr_destroy(&attr);
	posix_spawn_file_actions_destroy(&actions);
	if (r == 0)
		return 0;
	conn->child = 0;
	return error_errno(err, ERROR_TOOL, r, "cannot start %s", argv[0]);
}

static int open_child(const struct conn_address *address, struct conn **ret, struct error **err)
{
	cleanup_fd int other = -1;
	cleanup_conn struct conn *conn = NULL;
	int pair[2];

	if (socketpair(AF_UNIX, SOCK_STREAM, 0, pair) < 0)
		return error_errno(err, ERROR_STATE, errno, "%s: a socket", address->url);
	other = pair[1];
	conn = new_conn(pair[0], address->url);
	if (set_flags(pair[0]) < 0 || fcntl(other, F_SETFD, FD_CLOEXEC) < 0)
		return error_errno(err, ERROR_TOOL, errno, "%s", address->url);
	if (spawn(conn, address->argv, other, err) < 0)
		return -1;
	*ret = steal_ptr(conn);
	return 0;
}

static int open_socket(const struct conn_address *address, const struct limit *limit, struct conn **ret,
		       struct error **err)
{
	cleanup_conn struct conn *conn = new_conn(-1, address->url);
	cleanup_free char *host = NULL, *port = NULL;

	if (strncmp(address->url, UNIX_SCHEME, strlen(UNIX_SCHEME)) == 0) {
		if (open_unix(address->url, limit, &conn->fd, err) < 0)
			return -1;
	} else if (strncmp(address->url, TCP_SCHEME, strlen(TCP_SCHEME)) == 0) {
		if (split_url(address->url, &host, &port, err) < 0 ||
		    open_tcp(address->url, host, port, limit, &conn->fd, err) < 0)
			return -1;
		if (address->tls &&
		    (tls_new(conn->fd, address, address->server_name ? address->server_name : host, &conn->tls, err) < 0 ||
		     shake(conn, limit, err) < 0))
			return -1;
	} else {
		return error_make(err, ERROR_USAGE,
				  "%s is not the address of a daemon: write unix://PATH or tcp://HOST:PORT",
				  address->url);
	}
	*ret = steal_ptr(conn);
	return 0;
}

static int send_all(struct conn *conn, const char *data, size_t len, const struct limit *limit, struct error **err)
{
	while (len > 0) {
		ssize_t n = conn_write(conn, data, len, err);

		if (n < 0 || (n == 0 && wait_for(conn->fd, conn_wants(conn), limit, conn->name, err) < 0))
			return -1;
		data += n;
		len -= (size_t)n;
	}
	return 0;
}

/* Drops the head of the answer; what follows it stays for conn_read. */
static int receive_head(struct conn *conn, const struct limit *limit, struct error **err)
{
	struct buf answer = { 0 };
	const char *end = NULL;
	int status = 0;

	while (!end) {
		ssize_t n = answer.len >= HEAD_MAX ? -1 : conn_read(conn, buf_room(&answer, HEAD_MAX), HEAD_MAX, err);

		if (n < 0 || (n == 0 && wait_for(conn->fd, conn_wants(conn), limit, conn->name, err) < 0)) {
			buf_free(&answer);
			return error_make(err, ERROR_TOOL, "%s does not answer as docker's daemon does", conn->name);
		}
		buf_filled(&answer, (size_t)n);
		end = answer.data ? strstr(answer.data, "\r\n\r\n") : NULL;
	}
	sscanf(answer.data, "HTTP/1.%*c %d", &status);
	conn->early = answer;
	conn->early_at = (size_t)(end + 4 - answer.data);
	if (status == 101)
		return 0;
	return error_make(err, ERROR_TOOL, "%s answers a request for BuildKit with status %d", conn->name, status);
}

static int upgrade(struct conn *conn, const struct limit *limit, struct error **err)
{
	static const char request[] =
		"POST /grpc HTTP/1.1\r\nHost: docker\r\nConnection: Upgrade\r\nUpgrade: h2c\r\nContent-Length: 0\r\n\r\n";

	return send_all(conn, request, strlen(request), limit, err) < 0 ? -1 : receive_head(conn, limit, err);
}

static void conn_trace(const struct conn_address *address, int64_t begun, const struct error *error)
{
	struct json *line = trace_begin("connect");

	trace_str(line, "url", address->url);
	if (address->argv)
		trace_words(line, "argv", address->argv);
	json_set_int(line, "took_us", trace_now() - begun);
	trace_error(line, error);
	trace_end(line);
}

int conn_open(struct loop *loop, const struct conn_address *address, uint64_t limit_ms, struct conn **ret,
	      struct error **err)
{
	const struct limit limit = { loop, loop_now_ms() + limit_ms };
	int64_t begun = trace_on() ? trace_now() : 0;
	cleanup_conn struct conn *conn = NULL;
	struct error *error = NULL;
	int r = address->argv ? open_child(address, &conn, &error) : open_socket(address, &limit, &conn, &error);

	if (r == 0 && address->upgrade)
		r = upgrade(conn, &limit, &error);
	if (trace_on())
		conn_trace(address, begun, error);
	if (r < 0)
		return error_move(err, &error);
	*ret = steal_ptr(conn);
	return 0;
}
