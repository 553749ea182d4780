#include "config.h"

#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/fs.h"
#include "base/mem.h"
#include "base/text.h"
#include "cli/report/report.h"
#include "engine/exec/event.h"
#include "engine/io/loop.h"
#include "engine/io/proc.h"
#include "engine/plan/plan.h"

/*
 * The lines at the bottom of a terminal: one with numbers, one a running node with the last thing it said. They
 * are erased and drawn again in one write; what has ended is printed above and scrolls away.
 */

#define WIDTH_DEFAULT 80
#define HEIGHT_DEFAULT 24
#define LAST_LINE_MAX 200 /* bytes kept of a node's last line */

struct running {
	const struct node *node;
	uint64_t start_ms;
	unsigned step, steps;
	char last[LAST_LINE_MAX + 1];
};

struct live {
	const struct report_state *state;
	struct running *items;
	size_t len, cap;
	size_t drawn; /* lines that stand on the screen */
	size_t done;
	unsigned width, height;
};

static void measure(struct live *live)
{
	struct winsize size;

	live->width = WIDTH_DEFAULT;
	live->height = HEIGHT_DEFAULT;
	if (ioctl(STDERR_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col > 0 && size.ws_row > 0) {
		live->width = size.ws_col;
		live->height = size.ws_row;
	}
}

struct live *live_new(const struct report_state *state)
{
	struct live *live = mem_alloc(sizeof(*live));

	live->state = state;
	measure(live);
	return live;
}

static void erase(struct live *live, struct buf *out)
{
	if (live->drawn > 0)
		buf_printf(out, "\x1b[%zuA\r\x1b[J", live->drawn);
	live->drawn = 0;
}

/* Appends at most the terminal's width less one, counted in code points, of a line that is safe. */
static void add_cut(const struct live *live, const struct buf *line, struct buf *out)
{
	size_t columns = 0, i = 0;

	while (i < line->len && columns + 1 < live->width) {
		i++;
		while (i < line->len && ((unsigned char)line->data[i] & 0xC0) == 0x80)
			i++;
		columns++;
	}
	buf_add(out, line->data, i);
	buf_char(out, '\n');
}

static void add_header(struct live *live, struct buf *out)
{
	cleanup_buf struct buf line = { 0 };

	buf_printf(&line, "[%zu/%zu] %zu running, ", live->done, live->state->stale, live->len);
	text_duration(&line, loop_now_ms() - live->state->start_ms);
	add_cut(live, &line, out);
	live->drawn++;
}

static void add_running(struct live *live, const struct running *running, struct buf *out)
{
	cleanup_buf struct buf line = { 0 };

	buf_str(&line, "  ");
	report_node_name(live->state, running->node, &line);
	buf_str(&line, " ");
	text_duration(&line, loop_now_ms() - running->start_ms);
	if (running->steps)
		buf_printf(&line, "  step %u/%u", running->step, running->steps);
	if (running->last[0]) {
		buf_str(&line, "  ");
		text_safe(&line, running->last, strlen(running->last));
	}
	add_cut(live, &line, out);
	live->drawn++;
}

static void draw(struct live *live, struct buf *out)
{
	size_t room = live->height > 3 ? live->height - 3 : 1;

	add_header(live, out);
	for (size_t i = 0; i < live->len && i < room; i++)
		add_running(live, &live->items[i], out);
}

static void flush(const struct buf *out)
{
	/* A terminal that went away ends the run by SIGHUP, not here. */
	fs_write_all(STDERR_FILENO, out->data ? out->data : "", out->len, "standard error", NULL);
}

static void redraw(struct live *live)
{
	cleanup_buf struct buf out = { 0 };

	erase(live, &out);
	draw(live, &out);
	flush(&out);
}

void live_print(struct live *live, const char *text, size_t len)
{
	cleanup_buf struct buf out = { 0 };

	erase(live, &out);
	buf_add(&out, text, len);
	draw(live, &out);
	flush(&out);
}

static struct running *find(struct live *live, const struct node *node)
{
	for (size_t i = 0; i < live->len; i++) {
		if (live->items[i].node == node)
			return &live->items[i];
	}
	return NULL;
}

static void add(struct live *live, const struct node *node)
{
	mem_reserve(&live->items, &live->cap, live->len + 1, sizeof(*live->items));
	live->items[live->len++] = (struct running){ .node = node, .start_ms = loop_now_ms() };
}

static void remove_node(struct live *live, const struct node *node)
{
	struct running *running = find(live, node);
	size_t at;

	live->done++;
	if (!running)
		return;
	at = (size_t)(running - live->items);
	memmove(running, running + 1, (live->len - at - 1) * sizeof(*running));
	live->len--;
}

static void keep_line(struct running *running, const char *text, size_t len)
{
	if (len == 0)
		return;
	len = len < LAST_LINE_MAX ? len : LAST_LINE_MAX;
	memcpy(running->last, text, len);
	running->last[len] = '\0';
}

void live_event(struct live *live, const struct event *event)
{
	struct running *running = event->node ? find(live, event->node) : NULL;

	switch (event->kind) {
	case EVENT_NODE_START:
		add(live, event->node);
		break;
	case EVENT_NODE_LINE:
		if (running)
			keep_line(running, event->text, event->len);
		return; /* drawn by the next tick: output comes faster than anyone reads */
	case EVENT_NODE_STEP:
		if (running) {
			running->step = event->progress->step;
			running->steps = event->progress->steps;
		}
		return;
	case EVENT_NODE_DONE:
		remove_node(live, event->node);
		break;
	case EVENT_RESIZE:
		measure(live);
		break;
	default:
		break;
	}
	redraw(live);
}

void live_free(struct live *live)
{
	cleanup_buf struct buf out = { 0 };

	if (!live)
		return;
	erase(live, &out);
	flush(&out);
	free(live->items);
	free(live);
}
