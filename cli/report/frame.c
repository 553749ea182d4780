#include "config.h"

#include <string.h>

#include "base/buf.h"
#include "base/text.h"
#include "cli/report/columns.h"
#include "cli/report/frame.h"

#define BAR_COLUMNS 20
#define BAR_MIN_WIDTH 72   /* of the terminal: narrower ones get no bar */
#define ROOMY_WIDTH 60     /* from this width on, half of a line is reserved for the step */
#define STEP_MIN_COLUMNS 8 /* a step needs at least this much of a line */
#define INDENT 2
#define ALMOST_MS 1000 /* what is left when a run is almost done */

/* A line that is filled from the left. */
struct frame_line {
	const struct frame *frame;
	const struct columns *columns;
	struct buf *out;
	size_t taken, max;
};

static const char dim[] = "\x1b[2m", bold[] = "\x1b[1m", red[] = "\x1b[1;31m";

/* Appends as much of a safe text as fits. */
static void frame_add(struct frame_line *line, const char *style, const char *text, size_t len)
{
	bool styled = line->frame->color && style;

	if (line->taken >= line->max)
		return;
	if (styled)
		buf_str(line->out, style);
	line->taken += columns_cut(line->columns, text, len, line->max - line->taken, line->frame->unicode, line->out);
	if (styled)
		buf_str(line->out, "\x1b[0m");
}

static void frame_add_text(struct frame_line *line, const char *style, const struct buf *text)
{
	frame_add(line, style, text->data ? text->data : "", text->len);
}

/* The same for arbitrary text. */
static void add_raw(struct frame_line *line, const char *style, const char *text, size_t len)
{
	cleanup_buf struct buf safe = { 0 };

	text_safe(&safe, text, len);
	for (size_t i = 0; i < safe.len; i++)
		if (safe.data[i] == '\t')
			safe.data[i] = ' ';
	frame_add_text(line, style, &safe);
}

static void pad(struct frame_line *line, size_t column)
{
	while (line->taken < column && line->taken < line->max) {
		buf_char(line->out, ' ');
		line->taken++;
	}
}

static void frame_add_bar(struct frame_line *line)
{
	const struct frame *frame = line->frame;
	size_t all = frame->done + frame->nodes_len + frame->left;
	size_t full = all ? frame->done * BAR_COLUMNS / all : 0;
	size_t going = all ? (frame->done + frame->nodes_len) * BAR_COLUMNS / all : 0;
	cleanup_buf struct buf bar = { 0 };

	if (frame->width < BAR_MIN_WIDTH)
		return;
	buf_str(&bar, frame->unicode ? "  " : "  [");
	for (size_t i = 0; i < BAR_COLUMNS; i++) {
		if (frame->unicode)
			buf_str(&bar, i < full ? "\u2588" : i < going ? "\u2592" : "\u2591");
		else
			buf_char(&bar, i < full ? '#' : i < going ? '-' : '.');
	}
	buf_str(&bar, frame->unicode ? "" : "]");
	frame_add_text(line, NULL, &bar);
}

/* An estimate needs no tenths. */
static void add_seconds(struct buf *out, uint64_t seconds)
{
	if (seconds < 60)
		buf_printf(out, "%us", (unsigned)seconds);
	else
		text_duration(out, seconds * 1000);
}

/* "[4/11] 2 running, 5 left  ####----....  12.3s, about 40s left" */
static void draw_header(struct frame_line *line)
{
	const struct frame *frame = line->frame;
	cleanup_buf struct buf head = { 0 }, failed = { 0 }, time = { 0 };

	buf_printf(&head, "[%zu/%zu] ", frame->done, frame->done + frame->nodes_len + frame->left);
	buf_printf(&head, "%zu running", frame->nodes_len);
	if (frame->left)
		buf_printf(&head, ", %zu left", frame->left);
	frame_add_text(line, bold, &head);
	if (frame->failed) {
		buf_printf(&failed, ", %zu failed", frame->failed);
		frame_add_text(line, red, &failed);
	}
	frame_add_bar(line);
	buf_str(&time, "  ");
	text_duration(&time, frame->elapsed_ms);
	if (frame->remaining_ms < ALMOST_MS) {
		buf_str(&time, ", almost done");
	} else if (frame->remaining_ms != UINT64_MAX) {
		buf_str(&time, ", about ");
		add_seconds(&time, (frame->remaining_ms + 500) / 1000);
		buf_str(&time, " left");
	}
	frame_add_text(line, NULL, &time);
}

static void add_amount(const struct frame_node *node, struct buf *out)
{
	if (node->total) {
		buf_str(out, "  ");
		text_size(out, node->bytes < node->total ? node->bytes : node->total);
		buf_str(out, " of ");
		text_size(out, node->total);
	} else if (node->bytes) {
		buf_str(out, "  ");
		text_size(out, node->bytes);
	}
}

/* "  step 3/7, stage 1/2  12.1 MB of 30.4 MB  RUN make" */
static void draw_step(struct frame_line *line, const struct frame_node *node)
{
	cleanup_buf struct buf text = { 0 };

	if (line->taken + STEP_MIN_COLUMNS > line->max)
		return;
	if (node->steps)
		buf_printf(&text, "  step %u/%u", node->step, node->steps);
	if (node->stages > 1)
		buf_printf(&text, ", stage %u/%u", node->stage, node->stages);
	add_amount(node, &text);
	frame_add_text(line, NULL, &text);
	if (line->taken + STEP_MIN_COLUMNS > line->max)
		return;
	if (node->step_name && *node->step_name) {
		frame_add(line, NULL, "  ", 2);
		add_raw(line, dim, node->step_name, strlen(node->step_name));
	} else if (!node->steps && node->last) {
		frame_add(line, NULL, "  ", 2);
		add_raw(line, dim, node->last, strlen(node->last));
	}
}

static void draw_node(struct frame_line *line, const struct frame_node *node, size_t name_columns, size_t time_columns)
{
	cleanup_buf struct buf took = { 0 };
	struct frame_line name = *line;

	pad(line, INDENT);
	name.taken = line->taken;
	name.max = line->taken + name_columns;
	add_raw(&name, NULL, node->name, strlen(node->name));
	line->taken = name.taken;
	pad(line, INDENT + name_columns + 1);
	text_duration(&took, node->took_ms);
	pad(line, line->taken + time_columns - took.len);
	frame_add_text(line, dim, &took);
	draw_step(line, node);
}

/* The node that has been running longest, among those that printed something in their current step. */
static const struct frame_node *slowest(const struct frame *frame, size_t shown)
{
	const struct frame_node *found = NULL;

	for (size_t i = 0; i < shown; i++) {
		const struct frame_node *node = &frame->nodes[i];

		if (node->last && node->steps && (!found || node->took_ms > found->took_ms))
			found = node;
	}
	return found;
}

static size_t widest_name(const struct frame *frame, const struct columns *columns, size_t shown)
{
	size_t widest = 0;

	for (size_t i = 0; i < shown; i++) {
		cleanup_buf struct buf safe = { 0 };
		size_t count;

		text_safe(&safe, frame->nodes[i].name, strlen(frame->nodes[i].name));
		count = columns_count(columns, safe.data ? safe.data : "", safe.len);
		widest = count > widest ? count : widest;
	}
	return widest;
}

static size_t widest_time(const struct frame *frame, size_t shown)
{
	size_t widest = 0;

	for (size_t i = 0; i < shown; i++) {
		cleanup_buf struct buf took = { 0 };

		text_duration(&took, frame->nodes[i].took_ms);
		widest = took.len > widest ? took.len : widest;
	}
	return widest;
}

static struct frame_line frame_begin(const struct frame *frame, const struct columns *columns, size_t *rows,
				     struct buf *out)
{
	if (++*rows > 1)
		buf_char(out, '\n');
	return (struct frame_line){
		.frame = frame,
		.columns = columns,
		.out = out,
		.max = frame->width > 1 ? frame->width - 1 : 1,
	};
}

static void draw_nodes(const struct frame *frame, const struct columns *columns, size_t shown, bool said, size_t *rows,
		       struct buf *out)
{
	size_t time = widest_time(frame, shown), name = widest_name(frame, columns, shown);
	const struct frame_node *slow = said ? slowest(frame, shown) : NULL;
	/* The time is always visible; a name takes only as much of the rest as it needs. */
	size_t room = frame->width > INDENT + time + 2 ? frame->width - INDENT - time - 2 : 0;

	if (frame->width >= ROOMY_WIDTH)
		room = frame->width / 2;
	if (name > room)
		name = room;
	for (size_t i = 0; i < shown; i++) {
		struct frame_line line = frame_begin(frame, columns, rows, out);

		draw_node(&line, &frame->nodes[i], name, time);
		if (&frame->nodes[i] != slow)
			continue;
		line = frame_begin(frame, columns, rows, out);
		frame_add(&line, dim, "  | ", 4);
		add_raw(&line, dim, slow->last, strlen(slow->last));
	}
}

size_t frame_draw(const struct frame *frame, const struct columns *columns, struct buf *out)
{
	size_t rows = 0, most = frame->height > 2 ? frame->height - 1 : 1, shown = frame->nodes_len;
	struct frame_line line = frame_begin(frame, columns, &rows, out);
	bool said;

	draw_header(&line);
	if (shown > most - 1) /* one row says how many more there are */
		shown = most > 2 ? most - 2 : 0;
	said = shown == frame->nodes_len && shown + 2 <= most;
	draw_nodes(frame, columns, shown, said, &rows, out);
	if (shown < frame->nodes_len && most > 1) {
		cleanup_buf struct buf more = { 0 };

		buf_printf(&more, "  and %zu more", frame->nodes_len - shown);
		line = frame_begin(frame, columns, &rows, out);
		frame_add_text(&line, NULL, &more);
	}
	return rows;
}
