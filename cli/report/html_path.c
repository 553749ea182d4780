#include "config.h"

#include "base/buf.h"
#include "base/text.h"
#include "cli/report/html.h"
#include "cli/report/past.h"

/* The critical path: each of its nodes, and how long it waited for a slot before. */

static void html_path_add(const struct past *past, size_t number, double *at, struct buf *out)
{
	const struct past_node *node = &past->nodes[number];
	double whole = (double)(past->critical_ms + past->waited_ms);
	double percent = 100.0 / (whole > 0 ? whole : 1), waited = percent * (double)node->waited_ms,
	       took = percent * (double)node->took_ms;

	buf_printf(out, "<li><a href=\"#node%zu\"><code>", number);
	html_text(out, node->id);
	buf_printf(out,
		   "</code></a><div class=\"track\"><span class=\"waited\" style=\"margin-left: %.1f%%; width: %.1f%%\"></span>"
		   "<span class=\"critical\" style=\"width: %.1f%%\"></span></div><span>",
		   *at, waited, took);
	text_duration(out, node->took_ms);
	if (node->waited_ms >= SHOWN_MS) {
		buf_str(out, "<br><span class=\"small\">waited ");
		text_duration(out, node->waited_ms);
		buf_str(out, "</span>");
	}
	buf_str(out, "</span></li>\n");
	*at += waited + took;
}

void html_path(const struct past *past, struct buf *out)
{
	double at = 0;

	buf_str(out,
		"<h2 id=\"path\">Critical path</h2>\n<p class=\"soft\">The longest chain of nodes that needed each other: ");
	text_duration(out, past->critical_ms);
	if (past->waited_ms > 0) {
		buf_str(out, ", and ");
		text_duration(out, past->waited_ms);
		buf_str(out, " of waiting for a free slot (<code>-j</code>)");
	}
	buf_str(out, ".</p>\n<ol class=\"bars\">\n");
	for (size_t i = 0; i < past->len; i++)
		if (past->nodes[i].critical)
			html_path_add(past, i, &at, out);
	buf_str(out, "</ol>\n");
}
