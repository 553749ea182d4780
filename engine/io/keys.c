#include "config.h"

#include <stdlib.h>
#include <termios.h>
#include <unistd.h>

#include <uv.h>

#include "base/mem.h"
#include "engine/io/keys.h"
#include "engine/io/loop.h"

struct terminal_keys {
	uv_poll_t poll;
	struct termios was;
	void (*fn)(void *arg, char key);
	void *arg;
};

static void on_keys(uv_poll_t *poll, int status, int events)
{
	struct terminal_keys *keys = poll->data;
	char typed[64];
	ssize_t len = status < 0 || !(events & UV_READABLE) ? -1 : read(STDIN_FILENO, typed, sizeof(typed));

	if (len <= 0) /* the terminal is gone */
		uv_poll_stop(poll);
	for (ssize_t i = 0; i < len; i++)
		keys->fn(keys->arg, typed[i]);
}

struct terminal_keys *keys_new(struct loop *loop, void (*fn)(void *arg, char key), void *arg)
{
	struct termios was, raw;
	struct terminal_keys *keys;

	/* In the background, changing the terminal would stop us. */
	if (!isatty(STDIN_FILENO) || tcgetpgrp(STDIN_FILENO) != getpgrp() || tcgetattr(STDIN_FILENO, &was) < 0)
		return NULL;
	keys = mem_alloc(sizeof(*keys));
	*keys = (struct terminal_keys){ .was = was, .fn = fn, .arg = arg };
	if (uv_poll_init(loop_uv(loop), &keys->poll, STDIN_FILENO) < 0) {
		free(keys);
		return NULL;
	}
	keys->poll.data = keys;
	raw = was;
	raw.c_lflag &= (tcflag_t) ~(ICANON | ECHO);
	raw.c_cc[VMIN] = 1;
	raw.c_cc[VTIME] = 0;
	tcsetattr(STDIN_FILENO, TCSANOW, &raw);
	uv_poll_start(&keys->poll, UV_READABLE, on_keys);
	return keys;
}

static void free_keys(uv_handle_t *handle)
{
	free(handle->data);
}

void keys_free(struct terminal_keys *keys)
{
	if (!keys)
		return;
	tcsetattr(STDIN_FILENO, TCSANOW, &keys->was);
	uv_close((uv_handle_t *)&keys->poll, free_keys);
}
