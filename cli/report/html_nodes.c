#include "config.h"

#include <string.h>

#include "base/buf.h"
#include "base/text.h"
#include "cli/report/html.h"
#include "cli/report/past.h"

/* All nodes, by service, with the steps of their Dockerfiles. */

static const char *outcome_class(const struct past_node *node)
{
	const char *outcome = past_outcome(node);

	if (strcmp(outcome, "fresh") == 0)
		return "good";
	if (strcmp(outcome, "failed") == 0)
		return "bad";
	return strcmp(outcome, "done") == 0 || strcmp(outcome, "reused") == 0 ? "" : "warn";
}

static void add_row(const struct html_page *page, size_t number, struct buf *out)
{
	const struct past_node *node = &page->past->nodes[number];

	buf_printf(out, "<tr id=\"node%zu\"><td class=\"id\">", number);
	html_text(out, node->kind);
	if (node->platform) {
		buf_char(out, ' ');
		html_text(out, node->platform);
	}
	buf_printf(out, "</td><td class=\"%s\">", outcome_class(node));
	html_text(out, past_outcome(node));
	buf_str(out, "</td><td class=\"n\">");
	if (node->ran)
		text_duration(out, node->took_ms);
	buf_str(out, "</td><td class=\"why\"><div class=\"soft\">");
	html_text(out, node->reasons);
	buf_str(out, "</div>");
	html_steps(page->steps[number].data, page->steps[number].len, out);
	buf_str(out, "</td></tr>\n");
}

void html_nodes(const struct html_page *page, struct buf *out)
{
	const struct past *past = page->past;

	buf_str(out, "<h2 id=\"nodes\">Services and their nodes</h2>\n<table><thead><tr><th>node</th><th>outcome</th>"
		     "<th>time</th><th>why, and steps</th></tr></thead>\n");
	for (size_t service = 0; service < past->services_len; service++) {
		bool first = true;

		for (size_t i = 0; i < past->len; i++) {
			if (past->nodes[i].service_number != service)
				continue;
			if (first) {
				buf_printf(out, "<tbody id=\"service%zu\"><tr class=\"service\"><th colspan=\"4\">",
					   service);
				html_text(out, past->nodes[i].service);
				buf_str(out, "</th></tr>\n");
			}
			first = false;
			add_row(page, i, out);
		}
		buf_str(out, "</tbody>\n");
	}
	buf_str(out, "</table>\n");
}
