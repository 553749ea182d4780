#include "config.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <uv.h>

#include "base/mem.h"
#include "engine/io/jobserver.h"
#include "engine/io/loop.h"

struct jobserver {
	int read_fd, write_fd; /* equal for a fifo */
	char *tokens;          /* the tokens we hold; each goes back unchanged */
	size_t len, cap;
	uv_poll_t poll;
	bool waiting;
	void (*fn)(void *arg);
	void *arg;
};

static const char FIFO[] = "fifo:";

/* The value of the last `--jobserver-auth=` (older: `--jobserver-fds=`) in front of the variables that make appends
 * after " -- ", or NULL. */
static char *find_auth(const char *makeflags)
{
	static const char *const names[] = { "--jobserver-auth=", "--jobserver-fds=" };
	cleanup_free char *copy = mem_strdup(makeflags);
	char *rest = NULL, *found = NULL;

	for (char *word = strtok_r(copy, " \t", &rest); word && strcmp(word, "--") != 0;
	     word = strtok_r(NULL, " \t", &rest)) {
		for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
			if (strncmp(word, names[i], strlen(names[i])) == 0)
				found = word + strlen(names[i]);
		}
	}
	return found ? mem_strdup(found) : NULL;
}

static bool is_pipe(int fd)
{
	struct stat st;

	return fd >= 0 && fstat(fd, &st) == 0 && S_ISFIFO(st.st_mode);
}

/* Make does not say which commands it passes its pipe to; in others these numbers are unused, or some other file. */
static bool are_ends(int read_fd, int write_fd)
{
	struct stat read_st, write_st;

	return is_pipe(read_fd) && is_pipe(write_fd) && fstat(read_fd, &read_st) == 0 &&
	       fstat(write_fd, &write_st) == 0 && read_st.st_dev == write_st.st_dev &&
	       read_st.st_ino == write_st.st_ino && (fcntl(read_fd, F_GETFL) & O_ACCMODE) != O_WRONLY &&
	       (fcntl(write_fd, F_GETFL) & O_ACCMODE) != O_RDONLY;
}

/* The pipe is shared with make and its other children, some of which expect blocking reads. Blocking is a property
 * of the open file, so open our own. */
static int jobserver_open_own(int fd)
{
	cleanup_free char *path = mem_printf("/proc/self/fd/%d", fd);

	return open(path, O_RDONLY | O_NONBLOCK | O_CLOEXEC);
}

static bool open_fds(struct jobserver *server, const char *auth)
{
	int read_fd, write_fd, end = 0;

	if (strncmp(auth, FIFO, sizeof(FIFO) - 1) == 0) {
		server->read_fd = open(auth + sizeof(FIFO) - 1, O_RDWR | O_NONBLOCK | O_CLOEXEC);
		server->write_fd = server->read_fd;
		return is_pipe(server->read_fd);
	}
	if (sscanf(auth, "%d,%d%n", &read_fd, &write_fd, &end) != 2 || auth[end] || !are_ends(read_fd, write_fd))
		return false;
	server->read_fd = jobserver_open_own(read_fd);
	server->write_fd = fcntl(write_fd, F_DUPFD_CLOEXEC, 3);
	return server->read_fd >= 0 && server->write_fd >= 0;
}

static void close_fds(struct jobserver *server)
{
	if (server->write_fd >= 0 && server->write_fd != server->read_fd)
		close(server->write_fd);
	if (server->read_fd >= 0)
		close(server->read_fd);
}

static void on_closed(uv_handle_t *handle)
{
	struct jobserver *server = handle->data;

	close_fds(server);
	free(server->tokens);
	free(server);
}

struct jobserver *jobserver_open(struct loop *loop, const char *makeflags, const char **ret_why)
{
	cleanup_free char *auth = makeflags ? find_auth(makeflags) : NULL;
	struct jobserver *server;

	*ret_why = NULL;
	if (!auth)
		return NULL;
	server = mem_alloc(sizeof(*server));
	*server = (struct jobserver){ .read_fd = -1, .write_fd = -1 };
	if (open_fds(server, auth) && uv_poll_init(loop_uv(loop), &server->poll, server->read_fd) == 0) {
		server->poll.data = server;
		return server;
	}
	*ret_why = "make's job slots are not available: its rule needs a \"+\" before the command";
	close_fds(server);
	free(server);
	return NULL;
}

void jobserver_free(struct jobserver *server)
{
	if (!server)
		return;
	jobserver_keep(server, 0);
	uv_poll_stop(&server->poll);
	uv_close((uv_handle_t *)&server->poll, on_closed);
}

bool jobserver_take(struct jobserver *server)
{
	char token;
	ssize_t n;

	do
		n = read(server->read_fd, &token, 1);
	while (n < 0 && errno == EINTR);
	if (n != 1)
		return false;
	mem_reserve(&server->tokens, &server->cap, server->len + 1, 1);
	server->tokens[server->len++] = token;
	return true;
}

void jobserver_keep(struct jobserver *server, size_t keep)
{
	while (server->len > keep) {
		ssize_t n = write(server->write_fd, &server->tokens[server->len - 1], 1);

		if (n < 0 && errno == EINTR)
			continue;
		server->len--; /* if the pipe is gone, nobody waits for the token */
	}
}

size_t jobserver_held(const struct jobserver *server)
{
	return server->len;
}

static void on_token(uv_poll_t *poll, int status, int events)
{
	struct jobserver *server = poll->data;

	(void)status;
	(void)events;
	uv_poll_stop(poll);
	server->waiting = false;
	server->fn(server->arg);
}

void jobserver_wait(struct jobserver *server, void (*fn)(void *arg), void *arg)
{
	if (server->waiting)
		return;
	server->fn = fn;
	server->arg = arg;
	server->waiting = uv_poll_start(&server->poll, UV_READABLE, on_token) == 0;
}
