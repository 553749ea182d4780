#include "config.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/fs.h"
#include "base/mem.h"
#include "cli/report/columns.h"
#include "cli/report/frame.h"
#include "cli/report/report_state.h"
#include "cli/report/tty.h"
#include "engine/exec/event.h"
#include "engine/io/loop.h"
#include "engine/io/proc.h"
#include "engine/plan/plan.h"

/*
 * The live lines at the bottom of a terminal; what has ended is printed above them and scrolls away.
 *
 * Each frame is one write, between the marks of a synchronized update, and overwrites the one before it: nothing
 * flickers. Between two frames the cursor stands below the live lines. After the terminal was resized its lines may be
 * wrapped anew: how many rows the last frame takes then follows from its text. Wrapping is off while the live lines are
 * drawn and on again in the same write: whenever cbuild ends, killed or not, no mode of the terminal is left changed.
 */

#define WIDTH_DEFAULT 80
#define HEIGHT_DEFAULT 24
#define LAST_LINE_MAX 400       /* bytes kept of a node's last line */
#define PENDING_MAX (64u << 10) /* bytes to print that are not held back until the next frame */

static const char sync_begin[] = "\x1b[?2026h", sync_end[] = "\x1b[?2026l";
static const char wrap_off[] = "\x1b[?7l", wrap_on[] = "\x1b[?7h";
static const char clear_line[] = "\x1b[K", clear_below[] = "\x1b[J";

struct running {
	const struct node *node;
	char *name;
	uint64_t start_ms;
	struct frame_node shown; /* its `last` and `step_name` point to: */
	char last[LAST_LINE_MAX + 1], step[LAST_LINE_MAX + 1];
};

struct live {
	const struct report_state *state;
	struct columns *columns;
	struct running **items;
	size_t len, cap;
	size_t done, failed;
	unsigned width, height;
	unsigned drawn_width; /* of the last frame */
	bool unicode;
	struct buf shown; /* the live lines as they are on the screen, without colours */
	uint64_t remaining_ms;
	struct buf pending; /* to print above them */
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

/* As in the C library: the first variable that is set counts. */
static bool says_unicode(void)
{
	static const char *const names[] = { "LC_ALL", "LC_CTYPE", "LANG" };

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		const char *value = getenv(names[i]);

		if (value && *value)
			return strcasestr(value, "utf-8") || strcasestr(value, "utf8");
	}
	return false;
}

struct live *live_new(const struct report_state *state)
{
	struct live *live = mem_alloc(sizeof(*live));

	live->state = state;
	live->columns = columns_new();
	live->unicode = says_unicode();
	live->remaining_ms = UNKNOWN_MS;
	return live;
}

/* Overwrites the screen: each line is followed by clearing its rest. */
static void tty_add_lines(struct buf *out, const char *text, size_t len)
{
	for (size_t i = 0; i < len; i++) {
		if (text[i] == '\n')
			buf_str(out, clear_line);
		buf_char(out, text[i]);
	}
}

static void flush(const struct buf *out)
{
	/* If the terminal is gone, SIGHUP ends the run, so ignore errors here. */
	fs_write_all(STDERR_FILENO, out->data ? out->data : "", out->len, "standard error", NULL);
}

/* The number of rows of the live lines at the terminal's current width. */
static size_t rows_shown(const struct live *live)
{
	const char *at = live->shown.data, *end = at + live->shown.len;
	size_t rows = 0;

	while (live->shown.len > 0 && at < end) {
		const char *line_end = memchr(at, '\n', (size_t)(end - at));

		do {
			size_t fits = columns_fit(live->columns, at, (size_t)(line_end - at), live->width);

			at += fits ? fits : (size_t)(line_end - at);
			rows++;
		} while (at < line_end);
		at = line_end + 1;
	}
	return rows;
}

/* Moves the cursor to the beginning of the live lines. */
static void add_return(struct live *live, struct buf *out)
{
	size_t rows = rows_shown(live);

	if (rows >= live->height) /* the rest has scrolled away */
		rows = live->height - 1;
	if (rows > 0)
		buf_printf(out, "\x1b[%zuA", rows);
	buf_char(out, '\r');
	/* Terminals remember which rows they wrapped until the whole row is cleared. */
	if (live->width != live->drawn_width)
		buf_str(out, clear_below);
	live->drawn_width = live->width;
}

/* Appends the live lines. */
static void add_frame(struct live *live, struct buf *out)
{
	cleanup_free struct frame_node *nodes = mem_array(live->len + 1, sizeof(*nodes));
	uint64_t now = loop_now_ms();
	size_t busy = live->done + live->len;
	struct frame frame = {
		.width = live->width,
		.height = live->height,
		.color = live->state->color,
		.unicode = live->unicode,
		.done = live->done,
		.left = live->state->stale > busy ? live->state->stale - busy : 0,
		.failed = live->failed,
		.elapsed_ms = now - live->state->start_ms,
		.remaining_ms = live->remaining_ms,
		.nodes = nodes,
		.nodes_len = live->len,
	};
	cleanup_buf struct buf lines = { 0 };

	for (size_t i = 0; i < live->len; i++) {
		nodes[i] = live->items[i]->shown;
		nodes[i].took_ms = now - live->items[i]->start_ms;
	}
	frame_draw(&frame, live->columns, &lines);
	buf_char(&lines, '\n');
	frame.color = false;
	buf_reset(&live->shown);
	frame_draw(&frame, live->columns, &live->shown);
	buf_char(&live->shown, '\n');
	buf_str(out, wrap_off);
	tty_add_lines(out, lines.data, lines.len);
	buf_str(out, clear_below);
	buf_str(out, wrap_on);
}

static void redraw(struct live *live)
{
	cleanup_buf struct buf out = { 0 };

	measure(live);
	buf_str(&out, sync_begin);
	add_return(live, &out);
	tty_add_lines(&out, live->pending.data, live->pending.len);
	add_frame(live, &out);
	buf_str(&out, sync_end);
	flush(&out);
	buf_reset(&live->pending);
}

void live_print(struct live *live, const char *text, size_t len)
{
	buf_add(&live->pending, text, len);
	if (live->pending.len > PENDING_MAX)
		redraw(live);
}

static struct running *tty_find(struct live *live, const struct node *node, size_t *ret_at)
{
	for (size_t i = 0; i < live->len; i++) {
		if (live->items[i]->node != node)
			continue;
		*ret_at = i;
		return live->items[i];
	}
	return NULL;
}

static void tty_add(struct live *live, const struct node *node)
{
	struct running *running = mem_alloc(sizeof(*running));
	cleanup_buf struct buf name = { 0 };

	report_node_name(live->state, node, &name);
	running->node = node;
	running->name = buf_steal(&name);
	running->shown.name = running->name;
	running->start_ms = loop_now_ms();
	mem_reserve(&live->items, &live->cap, live->len + 1, sizeof(struct running *));
	live->items[live->len++] = running;
}

static void running_free(struct running *running)
{
	free(running->name);
	free(running);
}

static void remove_node(struct live *live, const struct event *event)
{
	struct running *running;
	size_t at;

	live->done++;
	live->failed += event->outcome == OUTCOME_FAILED;
	running = tty_find(live, event->node, &at);
	if (!running)
		return;
	running_free(running);
	memmove(&live->items[at], &live->items[at + 1], (live->len - at - 1) * sizeof(struct running *));
	live->len--;
}

static void tty_keep(char *where, const char *text, size_t len)
{
	len = len < LAST_LINE_MAX ? len : LAST_LINE_MAX;
	memcpy(where, text, len);
	where[len] = '\0';
}

static void keep_line(struct running *running, const char *text, size_t len)
{
	if (len == 0)
		return;
	tty_keep(running->last, text, len);
	running->shown.last = running->last;
}

static void keep_step(struct running *running, const struct progress *progress)
{
	struct frame_node *shown = &running->shown;

	if (progress->steps) {
		shown->stage = progress->stage;
		shown->stages = progress->stages;
		shown->step = progress->step;
		shown->steps = progress->steps;
		shown->last = NULL; /* belonged to the previous step */
	}
	if (progress->name) {
		tty_keep(running->step, progress->name, progress->name_len);
		shown->step_name = running->step;
	}
	shown->bytes = progress->bytes;
	shown->total = progress->total;
}

void live_event(struct live *live, const struct event *event)
{
	size_t at;
	struct running *running = event->node ? tty_find(live, event->node, &at) : NULL;

	switch (event->kind) {
	case EVENT_NODE_START:
		tty_add(live, event->node);
		break;
	case EVENT_NODE_LINE:
		if (running)
			keep_line(running, event->text, event->len);
		break;
	case EVENT_NODE_STEP:
		if (running)
			keep_step(running, event->progress);
		break;
	case EVENT_NODE_DONE:
		remove_node(live, event);
		break;
	case EVENT_NOTE:
		break;
	case EVENT_TICK:
		live->remaining_ms = event->remaining_ms;
		redraw(live);
		break;
	case EVENT_RESIZE:
	case EVENT_RUN_START:
	case EVENT_RUN_END:
		redraw(live);
		break;
	}
}

void live_free(struct live *live)
{
	cleanup_buf struct buf out = { 0 };

	if (!live)
		return;
	measure(live);
	if (live->shown.len > 0)
		add_return(live, &out);
	tty_add_lines(&out, live->pending.data, live->pending.len);
	if (live->shown.len > 0)
		buf_str(&out, clear_below);
	flush(&out);
	for (size_t i = 0; i < live->len; i++)
		running_free(live->items[i]);
	buf_free(&live->pending);
	buf_free(&live->shown);
	columns_free(live->columns);
	free(live->items);
	free(live);
}
