#include "config.h"

#include <string.h>

#include "base/buf.h"
#include "base/text.h"
#include "cli/report/html.h"
#include "cli/report/past.h"

/* In pixels. */
#define WIDTH 1000
#define LEFT 64
#define RIGHT 16
#define ROW 30
#define BAR 22
#define AXIS 26
#define LETTER 6.7 /* the width of one in a bar */
#define BAR_MIN 2
#define TICKS_MAX 10

static double x_of(const struct past *past, uint64_t ms)
{
	return LEFT + (double)ms * (WIDTH - LEFT - RIGHT) / (double)(past->took_ms ? past->took_ms : 1);
}

/* A round step that gives at most TICKS_MAX ticks. */
static uint64_t tick_step(uint64_t whole)
{
	static const uint64_t factors[] = { 1, 2, 5 };
	uint64_t unit = 1;

	for (;; unit *= 10) {
		for (size_t i = 0; i < sizeof(factors) / sizeof(factors[0]); i++) {
			if (whole / (unit * factors[i]) <= TICKS_MAX)
				return unit * factors[i];
		}
	}
}

static void add_axis(const struct past *past, int height, struct buf *out)
{
	uint64_t step = tick_step(past->took_ms);

	for (uint64_t at = 0; at <= past->took_ms; at += step) {
		double x = x_of(past, at);

		buf_printf(out,
			   "<line class=\"grid\" x1=\"%.1f\" y1=\"0\" x2=\"%.1f\" y2=\"%d\"/>"
			   "<text class=\"small\" x=\"%.1f\" y=\"%d\" text-anchor=\"middle\">",
			   x, x, height - AXIS + 4, x, height - 8);
		if (step < 100)
			buf_printf(out, "%llums", (unsigned long long)at);
		else
			text_duration(out, at);
		buf_str(out, "</text>\n");
	}
}

static void html_timeline_add_bar(const struct past *past, size_t number, struct buf *out)
{
	const struct past_node *node = &past->nodes[number];
	double x = x_of(past, node->start_ms), width = x_of(past, node->start_ms + node->took_ms) - x;
	int y = (int)node->slot * ROW + (ROW - BAR) / 2;
	size_t label = strlen(node->kind) + 1 + strlen(node->service);
	bool failed = node->outcome && strcmp(node->outcome, "failed") == 0;

	width = width < BAR_MIN ? BAR_MIN : width;
	buf_printf(out, "<a href=\"#node%zu\" class=\"bar%s%s\"><title>", number, failed ? " failed" : "",
		   node->critical ? " critical" : "");
	html_text(out, node->id);
	buf_str(out, ", ");
	text_duration(out, node->took_ms);
	buf_str(out, node->critical ? ", on the critical path" : "");
	buf_printf(out, "</title><rect class=\"k-");
	html_text(out, node->kind);
	buf_printf(out, "\" x=\"%.1f\" y=\"%d\" width=\"%.1f\" height=\"%d\" rx=\"3\"/>", x, y, width, BAR);
	if ((double)label * LETTER + 8 < width) {
		buf_printf(out, "<text class=\"on\" x=\"%.1f\" y=\"%d\">", x + 5, y + 15);
		html_text(out, node->kind);
		buf_char(out, ' ');
		html_text(out, node->service);
		buf_str(out, "</text>");
	}
	buf_str(out, "</a>\n");
}

void html_timeline(const struct past *past, struct buf *out)
{
	int height = (int)past->slots * ROW + AXIS;

	buf_printf(out,
		   "<div class=\"scroll\" tabindex=\"0\" role=\"group\" aria-label=\"Timeline\">"
		   "<svg class=\"wide\" viewBox=\"0 0 %d %d\" role=\"group\">\n",
		   WIDTH, height);
	add_axis(past, height, out);
	for (size_t i = 0; i < past->slots; i++)
		buf_printf(out, "<text class=\"small\" x=\"0\" y=\"%d\">slot %zu</text>\n", (int)i * ROW + 19, i + 1);
	for (size_t i = 0; i < past->len; i++) {
		if (past->nodes[i].ran)
			html_timeline_add_bar(past, i, out);
	}
	buf_str(out, "</svg></div>\n");
}
