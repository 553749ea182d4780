#include "config.h"

#include <string.h>
#include <time.h>

#include "base/buf.h"
#include "base/error.h"
#include "base/fs.h"
#include "base/mem.h"
#include "engine/io/lines.h"
#include "engine/io/proc.h"
#include "engine/runtime/runtime_ops.h"

/* What a container prints: pieces with a head of 8 bytes, the stream first, and the piece's length in the last four. */

#define FRAME_HEAD 8
#define FRAME_STREAMS 2 /* for stdout and stderr */

struct frames {
	unsigned char head[FRAME_HEAD];
	size_t head_len;
	size_t left; /* of the piece */
	void (*take)(void *data, unsigned stream, const char *bytes, size_t len);
	void *data;
};

static unsigned frame_stream(const struct frames *frames)
{
	return frames->head[0] == 2 ? 1 : 0;
}

static void frames_take(struct frames *frames, const char *bytes, size_t len)
{
	while (len > 0) {
		bool head = frames->left == 0;
		size_t room = head ? FRAME_HEAD - frames->head_len : frames->left, part = len < room ? len : room;

		if (head) {
			memcpy(frames->head + frames->head_len, bytes, part);
			frames->head_len += part;
		} else {
			frames->take(frames->data, frame_stream(frames), bytes, part);
			frames->left -= part;
		}
		if (frames->head_len == FRAME_HEAD && head) {
			const unsigned char *h = frames->head;

			frames->left = (size_t)h[4] << 24 | (size_t)h[5] << 16 | (size_t)h[6] << 8 | h[7];
			frames->head_len = 0;
		}
		bytes += part;
		len -= part;
	}
}

static void keep_printed(void *data, unsigned stream, const char *bytes, size_t len)
{
	(void)stream;
	buf_add(data, bytes, len);
}

void docker_output_unframe(const struct buf *framed, struct buf *ret)
{
	struct frames frames = { .take = keep_printed, .data = ret };

	frames_take(&frames, framed->data, framed->len);
}

int docker_output_print(struct container *container, unsigned lines, struct buf *ret, struct error **err)
{
	cleanup_free char *path = mem_printf("/containers/%s/logs?stdout=1&stderr=1&tail=%u", container->name, lines);
	cleanup_buf struct buf text = { 0 };

	if (docker_api_do(container->runtime, "GET", path, NULL, &text, err) < 0)
		return -1;
	docker_output_unframe(&text, ret);
	return 0;
}

/* A container that is followed. */
struct followed {
	struct loop *loop;
	const struct output *output;
	struct frames frames;
	struct buf rest[FRAME_STREAMS]; /* incomplete lines */
	struct error *error;
};

static void follow_line(void *data, const char *line, size_t len)
{
	struct followed *followed = data;

	lines_post(followed->loop, followed->output, line, len);
}

static void follow_bytes(void *data, unsigned stream, const char *bytes, size_t len)
{
	struct followed *followed = data;

	if (followed->output->log_fd >= 0 && !followed->error)
		fs_write_all(followed->output->log_fd, bytes, len, "the log", &followed->error);
	lines_split(&followed->rest[stream], bytes, len, follow_line, followed);
}

static int take_followed(void *data, const void *bytes, size_t len)
{
	struct followed *followed = data;

	frames_take(&followed->frames, bytes, len);
	return followed->error ? -1 : 0;
}

/* The daemon takes seconds since 1970, and gives "2026-11-30T23:58:21.123456789Z". */
static char *since_time(const char *at)
{
	struct tm tm = { 0 };
	const char *rest = at ? strptime(at, "%Y-%m-%dT%H:%M:%S", &tm) : NULL;

	if (!rest)
		return mem_strdup("");
	return mem_printf("&since=%lld%.*s", (long long)timegm(&tm), (int)strcspn(rest, "Z+-"), rest);
}

int docker_output_follow(struct container *container, const struct container_output *what, const struct output *output,
			 struct error **err)
{
	cleanup_free char *number = what->lines == ALL_LINES ? mem_strdup("all") : mem_printf("%u", what->lines);
	cleanup_free char *since = since_time(what->since);
	cleanup_free char *path = mem_printf("/containers/%s/logs?follow=%d&timestamps=%d&stdout=1&stderr=1&tail=%s%s",
					     container->name, what->follow, what->stamped, number, since);
	struct followed followed = { .loop = container->runtime->loop, .output = output };
	struct error *error = NULL;
	int r;

	followed.frames = (struct frames){ .take = follow_bytes, .data = &followed };
	r = docker_api_stream(container->runtime, "GET", path, NULL, take_followed, &followed, &error);
	for (size_t i = 0; i < FRAME_STREAMS; i++) {
		lines_finish(&followed.rest[i], follow_line, &followed);
		buf_free(&followed.rest[i]);
	}
	if (!followed.error)
		return r < 0 ? error_move(err, &error) : 0;
	error_free(error);
	return error_move(err, &followed.error);
}
