#include "config.h"

#include <string.h>

#include "base/buf.h"
#include "base/text.h"
#include "cli/report/html.h"
#include "cli/report/past.h"

#define TICKS_MAX 10

static double percent_of(const struct past *past, uint64_t ms)
{
	return 100.0 * (double)ms / (double)(past->took_ms ? past->took_ms : 1);
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

/* Every second one gives way on a narrow page. */
static void add_axis(const struct past *past, struct buf *out)
{
	uint64_t step = tick_step(past->took_ms);

	buf_str(out, "<div class=\"axis\" aria-hidden=\"true\">");
	for (uint64_t at = 0; at <= past->took_ms; at += step) {
		buf_printf(out, "<i%s style=\"left: %.2f%%\"><span>", at / step % 2 ? " class=\"odd\"" : "",
			   percent_of(past, at));
		if (step < 100)
			buf_printf(out, "%llums", (unsigned long long)at);
		else
			text_duration(out, at);
		buf_str(out, "</span></i>");
	}
	buf_str(out, "</div>\n");
}

static void html_timeline_add_bar(const struct past *past, size_t number, struct buf *out)
{
	const struct past_node *node = &past->nodes[number];

	buf_printf(out, "<a href=\"#node%zu\" class=\"bar k-", number);
	html_text(out, node->kind);
	buf_printf(out, "%s%s\" style=\"left: %.2f%%; width: %.2f%%\" title=\"",
		   strcmp(past_outcome(node), "failed") == 0 ? " failed" : "", node->critical ? " critical" : "",
		   percent_of(past, node->start_ms), percent_of(past, node->took_ms));
	html_text(out, node->id);
	buf_str(out, ", ");
	text_duration(out, node->took_ms);
	buf_str(out, node->critical ? ", on the critical path\">" : "\">");
	html_text(out, node->kind);
	buf_char(out, ' ');
	html_text(out, node->service);
	buf_str(out, "</a>");
}

void html_timeline(const struct past *past, struct buf *out)
{
	buf_str(out, "<div class=\"timeline\" role=\"group\" aria-label=\"Timeline\">\n");
	add_axis(past, out);
	for (size_t slot = 0; slot < past->slots; slot++) {
		buf_printf(out, "<span class=\"small\">slot %zu</span><div class=\"lane\">", slot + 1);
		for (size_t i = 0; i < past->len; i++) {
			if (past->nodes[i].ran && past->nodes[i].slot == slot)
				html_timeline_add_bar(past, i, out);
		}
		buf_str(out, "</div>\n");
	}
	buf_str(out, "</div>\n");
}
