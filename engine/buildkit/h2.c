#include "config.h"

#include "engine/buildkit/h2.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/error.h"
#include "base/fs.h"
#include "base/mem.h"
#include "engine/buildkit/conn.h"
#include "engine/buildkit/h2_private.h"
#include "engine/io/loop.h"

#define READ_BLOCK ((size_t)64 << 10) /* bytes of one read */
#define OUT_BLOCK ((size_t)256 << 10) /* bytes written at once */
#define FAREWELL_MS 500               /* to send what is left at the end */

/* nghttp2 is finished: the peer has said goodbye, and its last stream has ended; or it violated the protocol, and has been told. */
static void notice_end(struct h2 *h2)
{
	if (h2->error || !h2_finished(h2))
		return;
	if (h2->leaving)
		h2_fail_text(h2, true, "the connection was closed");
	else
		h2_fail_text(h2, false, "the connection violated the HTTP/2 protocol");
}

/* Moves the bytes of nested connections into the streams that carry them. */
static void drain_nested(struct root *root)
{
	for (struct h2 *h2 = root->nested; h2; h2 = h2->next) {
		struct h2_stream *carrier = h2->carrier;

		if (carrier->closed || carrier->out.len - carrier->out_at >= H2_QUEUE)
			continue;
		if (!h2_drain(h2, &h2->sent, OUT_BLOCK)) {
			notice_end(h2);
			continue;
		}
		h2->wrapping.wrap(h2->sent.data, h2->sent.len, &carrier->out);
		buf_reset(&h2->sent);
		h2_stir(carrier);
	}
}

static void collect(struct root *root)
{
	do
		drain_nested(root);
	while (h2_drain(root->outer, &root->out, OUT_BLOCK) && root->out.len < OUT_BLOCK);
}

static int write_out(struct root *root, struct error **err)
{
	while (root->out_at < root->out.len) {
		ssize_t n = conn_write(root->conn, root->out.data + root->out_at, root->out.len - root->out_at, err);

		if (n <= 0)
			return (int)n;
		root->out_at += (size_t)n;
	}
	buf_reset(&root->out);
	root->out_at = 0;
	return 0;
}

static int read_in(struct root *root, char *block, struct error **err)
{
	ssize_t n;
	int r = 0;

	while (r == 0 && (n = conn_read(root->conn, block, READ_BLOCK, err)) != 0) {
		if (n < 0)
			return -1;
		pthread_mutex_lock(&root->lock);
		r = h2_receive(root->outer, block, (size_t)n);
		pthread_mutex_unlock(&root->lock);
		if ((size_t)n < READ_BLOCK)
			break;
	}
	return r;
}

/* Waits for the connection and for the wake-up pipe. */
static void pause_at(struct root *root, int ms)
{
	struct pollfd fds[] = {
		{ .fd = conn_fd(root->conn), .events = POLLIN },
		{ .fd = root->wake[0], .events = POLLIN },
	};
	char drained[64];

	if (root->out_at < root->out.len)
		fds[0].events |= conn_wants(root->conn) | POLLIN;
	if (poll(fds, 2, ms) > 0 && fds[1].revents)
		while (read(root->wake[0], drained, sizeof(drained)) == (ssize_t)sizeof(drained))
			;
}

/* Reads and writes until it would block. False: the connection is over. */
static bool turn(struct root *root, char *block, struct error **err)
{
	bool more = true, going;

	while (more) {
		if (read_in(root, block, err) < 0)
			return false;
		pthread_mutex_lock(&root->lock);
		root->woken = false;
		if (root->out.len == 0) {
			collect(root);
			if (root->out.len == 0 && !root->stopping)
				notice_end(root->outer);
		}
		going = !root->outer->error;
		pthread_mutex_unlock(&root->lock);
		more = root->out.len > 0;
		if (!going || write_out(root, err) < 0)
			return false;
		/* Writing has made room in the queues. */
		more = more && root->out.len == 0;
	}
	return true;
}

static void *h2_run(void *arg)
{
	struct root *root = arg;
	cleanup_free char *block = mem_alloc(READ_BLOCK);
	cleanup_error struct error *error = NULL;
	uint64_t end = 0;

	while (turn(root, block, &error)) {
		bool stopping;

		pthread_mutex_lock(&root->lock);
		stopping = root->stopping;
		pthread_mutex_unlock(&root->lock);
		if (stopping && !end)
			end = loop_now_ms() + FAREWELL_MS;
		if (stopping && (root->out.len == 0 || loop_now_ms() >= end))
			break;
		pause_at(root, stopping ? FAREWELL_MS / 10 : -1);
	}
	pthread_mutex_lock(&root->lock);
	if (error)
		h2_fail(root->outer, error);
	else
		h2_fail_text(root->outer, true, "the connection was closed");
	pthread_mutex_unlock(&root->lock);
	shutdown(conn_fd(root->conn), SHUT_RDWR);
	return NULL;
}

static void free_root(struct root *root)
{
	conn_free(root->conn);
	fd_cleanup(&root->wake[0]);
	fd_cleanup(&root->wake[1]);
	buf_free(&root->out);
	pthread_cond_destroy(&root->over);
	pthread_mutex_destroy(&root->lock);
	free(root);
}

static void free_h2(struct h2 *h2)
{
	h2_drop(h2);
	buf_free(&h2->sent);
	error_free(h2->error);
	free(h2);
}

static int open_wake(struct root *root, struct error **err)
{
	if (pipe(root->wake) < 0)
		return error_errno(err, ERROR_STATE, errno, "a pipe");
	for (int i = 0; i < 2; i++)
		if (fcntl(root->wake[i], F_SETFD, FD_CLOEXEC) < 0 || fcntl(root->wake[i], F_SETFL, O_NONBLOCK) < 0)
			return error_errno(err, ERROR_STATE, errno, "a pipe");
	return 0;
}

int h2_start(struct loop *loop, struct conn *conn, const struct h2_role *role, struct h2 **ret, struct error **err)
{
	struct root *root = mem_alloc(sizeof(*root));
	struct h2 *h2;
	int r;

	*root = (struct root){ .loop = loop, .conn = conn, .wake = { -1, -1 } };
	pthread_mutex_init(&root->lock, NULL);
	h2_cond_init(&root->over);
	if (h2_load(err) < 0 || open_wake(root, err) < 0) {
		free_root(root);
		return -1;
	}
	h2 = root->outer = mem_alloc(sizeof(*h2));
	*h2 = (struct h2){ .root = root, .role = *role };
	h2_begin(h2);
	r = pthread_create(&root->thread, NULL, h2_run, root);
	if (r != 0) {
		free_h2(h2);
		free_root(root);
		return error_errno(err, ERROR_STATE, r, "cannot start a thread");
	}
	*ret = h2;
	return 0;
}

int h2_nest(struct h2_stream *carrier, const struct h2_wrapping *wrapping, const struct h2_role *role, struct h2 **ret,
	    struct error **err)
{
	struct root *root = carrier->h2->root;
	struct h2 *h2;
	int r = 0;

	pthread_mutex_lock(&root->lock);
	h2 = mem_alloc(sizeof(*h2));
	*h2 = (struct h2){ .root = root, .role = *role, .carrier = carrier, .wrapping = *wrapping };
	h2_begin(h2);
	carrier->nested = h2;
	h2->next = root->nested;
	root->nested = h2;
	if (carrier->closed || carrier->in_ended) {
		h2_fail_text(h2, true, "the session was interrupted");
		r = -1;
	} else {
		size_t waiting = carrier->in.len - carrier->in_at;

		h2_consumed(carrier, waiting);
		r = waiting > 0 ? h2_feed_nested(h2) : 0;
	}
	if (r < 0)
		error_copy(err, h2->error);
	h2_wake(root);
	pthread_mutex_unlock(&root->lock);
	if (r < 0)
		h2_free(h2);
	else
		*ret = h2;
	return r;
}

void h2_cut(struct h2 *h2)
{
	pthread_mutex_lock(&h2->root->lock);
	h2_fail_text(h2, true, "the connection was closed");
	h2_wake(h2->root);
	pthread_mutex_unlock(&h2->root->lock);
}

static void free_nested(struct h2 *h2)
{
	struct root *root = h2->root;
	struct h2 **at = &root->nested;

	pthread_mutex_lock(&root->lock);
	h2_fail_text(h2, true, "the session has ended");
	while (*at != h2)
		at = &(*at)->next;
	*at = h2->next;
	h2->carrier->nested = NULL;
	pthread_mutex_unlock(&root->lock);
	h2_stream_free(h2->carrier);
	free_h2(h2);
}

void h2_free(struct h2 *h2)
{
	struct root *root;

	if (!h2)
		return;
	if (h2->carrier) {
		free_nested(h2);
		return;
	}
	root = h2->root;
	pthread_mutex_lock(&root->lock);
	if (!h2->error)
		h2_terminate(h2);
	root->stopping = true;
	h2_wake(root);
	pthread_mutex_unlock(&root->lock);
	pthread_join(root->thread, NULL);
	free_h2(h2);
	free_root(root);
}

bool h2_alive(struct h2 *h2)
{
	bool alive;

	pthread_mutex_lock(&h2->root->lock);
	alive = !h2->error;
	pthread_mutex_unlock(&h2->root->lock);
	return alive;
}

int h2_wait(struct h2 *h2, struct error **err)
{
	struct root *root = h2->root;
	int r = 0;

	pthread_mutex_lock(&root->lock);
	while (r == 0 && !h2->error)
		r = h2_pause(root, &root->over, 0, err);
	if (r == 0)
		error_copy(err, h2->error);
	pthread_mutex_unlock(&root->lock);
	return -1;
}
