#include "config.h"

#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/buf.h"
#include "base/cbuild_version.h"
#include "base/mem.h"
#include "base/text.h"
#include "cli/report/html.h"
#include "cli/report/html_style.h"
#include "cli/report/past.h"
#include "engine/plan/plan_node.h"
#include "engine/state/state.h"

#define SLOWEST 12
#define SIGNAL_STATUS 128 /* and above: ended by a signal */

static const char *status_words(const struct run_info *run, const char **ret_class)
{
	*ret_class = run->status == 0 ? "good" : run->status < 0 || run->status >= SIGNAL_STATUS ? "warn" : "bad";
	if (run->status == 0)
		return "done";
	if (run->status < 0)
		return "no end";
	return run->status >= SIGNAL_STATUS ? "interrupted" : "failed";
}

static void add_time(struct buf *out, int64_t unix_ms)
{
	time_t seconds = (time_t)(unix_ms / 1000);
	struct tm local;
	char text[40] = "";

	if (localtime_r(&seconds, &local))
		strftime(text, sizeof(text), "%Y-%m-%d %H:%M:%S %z", &local);
	buf_str(out, text);
}

static void html_add_head(const struct html_page *page, struct buf *out)
{
	buf_str(out,
		"<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n"
		"<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; style-src 'unsafe-inline'\">\n"
		"<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n<title>cbuild run ");
	buf_printf(out, "%lld", (long long)page->run->id);
	if (page->project) {
		buf_str(out, ", ");
		html_text(out, page->project);
	}
	buf_printf(out, "</title>\n<style>\n%s</style>\n</head>\n<body>\n", html_style);
}

static void add_fact(struct buf *out, const char *name, const char *class, const char *value)
{
	buf_printf(out, "<div><dt>%s</dt><dd class=\"%s\">%s</dd></div>\n", name, class, value);
}

static size_t count_outcome(const struct past *past, const char *outcome)
{
	size_t count = 0;

	for (size_t i = 0; i < past->len; i++)
		count += past->nodes[i].outcome && strcmp(past->nodes[i].outcome, outcome) == 0;
	return count;
}

static void add_counts(const struct past *past, struct buf *out)
{
	static const struct {
		const char *outcome, *name, *class;
	} counts[] = {
		{ "done", "ran", "" },
		{ "reused", "made elsewhere", "" },
		{ "failed", "failed", "bad" },
		{ "skipped", "skipped", "warn" },
		{ "cancelled", "interrupted", "warn" },
		{ "not reached", "not reached", "warn" },
	};
	size_t fresh = past->len;

	for (size_t i = 0; i < sizeof(counts) / sizeof(counts[0]); i++) {
		size_t count = count_outcome(past, counts[i].outcome);
		cleanup_free char *value = mem_printf("%zu", count);

		fresh -= count;
		if (count > 0)
			add_fact(out, counts[i].name, counts[i].class, value);
	}
	if (fresh > 0) {
		cleanup_free char *value = mem_printf("%zu", fresh);

		add_fact(out, "fresh", "good", value);
	}
}

static void html_add_duration(struct buf *out, const char *name, uint64_t ms)
{
	cleanup_buf struct buf text = { 0 };

	text_duration(&text, ms);
	add_fact(out, name, "", text.data);
}

static void add_summary(const struct html_page *page, struct buf *out)
{
	const struct run_info *run = page->run;
	const char *class, *words = status_words(run, &class);

	buf_printf(out, "<header>\n<h1>Run %lld%s", (long long)run->id, page->project ? " of " : "");
	html_text(out, page->project ? page->project : "");
	buf_str(out, "</h1>\n<div class=\"soft\">");
	add_time(out, run->begin_ms);
	buf_str(out, " &middot; <code>cbuild ");
	html_text(out, run->command ? run->command : "");
	buf_str(out, "</code></div>\n<dl class=\"facts\">\n");
	add_fact(out, "status", class, words);
	if (run->end_ms > run->begin_ms)
		html_add_duration(out, "time", (uint64_t)(run->end_ms - run->begin_ms));
	html_add_duration(out, "critical path", page->past->critical_ms);
	if (page->past->waited_ms >= SHOWN_MS)
		html_add_duration(out, "waited for slots", page->past->waited_ms);
	add_counts(page->past, out);
	buf_str(out, "</dl>\n<nav aria-label=\"Sections\">");
	if (page->logs_len)
		buf_str(out, "<a href=\"#failures\">Failures</a>");
	buf_str(out, "<a href=\"#timeline\">Timeline</a>");
	if (page->past->slots > 0)
		buf_str(out, "<a href=\"#path\">Critical path</a>");
	buf_str(out, "<a href=\"#graph\">Graph</a>");
	if (page->past->slots > 0)
		buf_str(out, "<a href=\"#slowest\">Slowest</a>");
	if (page->images_len)
		buf_str(out, "<a href=\"#sizes\">Image sizes</a>");
	buf_str(out, "<a href=\"#nodes\">Services</a></nav>\n</header>\n<main>\n");
}

static void html_add_log(const struct html_page *page, const struct html_log *log, struct buf *out)
{
	buf_str(out, "<details open><summary><b class=\"bad\">");
	html_text(out, page->past->nodes[log->node].id);
	buf_str(out, "</b> <span class=\"small\">");
	html_text(out, log->path ? log->path : "");
	buf_str(out, "</span></summary><pre tabindex=\"0\">");
	if (log->text)
		html_output(out, log->text, log->len);
	else
		buf_str(out, "its log is gone");
	buf_str(out, "</pre></details>\n");
}

static void add_failures(const struct html_page *page, struct buf *out)
{
	if (!page->logs_len)
		return;
	buf_str(out, "<h2 id=\"failures\">What failed</h2>\n");
	for (size_t i = 0; i < page->logs_len; i++)
		html_add_log(page, &page->logs[i], out);
}

static bool kind_ran(const struct past *past, const char *kind)
{
	for (size_t i = 0; i < past->len; i++) {
		if (past->nodes[i].ran && strcmp(past->nodes[i].kind, kind) == 0)
			return true;
	}
	return false;
}

static void add_timeline(const struct past *past, struct buf *out)
{
	buf_str(out, "<h2 id=\"timeline\">Timeline</h2>\n");
	if (past->slots == 0) {
		buf_str(out, "<p class=\"soft\">Nothing ran.</p>\n");
		return;
	}
	html_timeline(past, out);
	buf_str(out, "<ul class=\"legend\">");
	for (int i = 0; i < NODE_KINDS; i++) {
		const char *kind = node_kind_name((enum node_kind)i);

		if (kind_ran(past, kind))
			buf_printf(out, "<li><i style=\"background: var(--%s)\"></i>%s</li>", kind, kind);
	}
	buf_str(out, "<li><i style=\"border: 2px solid var(--critical)\"></i>critical path</li>"
		     "<li><i style=\"background: var(--bad)\"></i>failed</li></ul>\n");
}

static int html_slowest_first(const void *a, const void *b)
{
	const struct past_node *left = *(const struct past_node *const *)a, *right = *(const struct past_node *const *)b;

	if (left->took_ms != right->took_ms)
		return left->took_ms < right->took_ms ? 1 : -1;
	return (left > right) - (left < right);
}

static void add_slowest(const struct past *past, struct buf *out)
{
	cleanup_free const struct past_node **nodes = mem_array(past->len + 1, sizeof(struct past_node *));
	size_t len = 0;

	for (size_t i = 0; i < past->len; i++) {
		if (past->nodes[i].ran)
			nodes[len++] = &past->nodes[i];
	}
	if (len == 0)
		return;
	qsort(nodes, len, sizeof(*nodes), html_slowest_first);
	buf_str(out, "<h2 id=\"slowest\">What took longest</h2>\n<ol class=\"bars\">\n");
	for (size_t i = 0; i < len && i < SLOWEST; i++) {
		double share = nodes[0]->took_ms ? 100.0 * (double)nodes[i]->took_ms / (double)nodes[0]->took_ms : 0;

		buf_printf(out, "<li><a href=\"#node%zu\"><code>", (size_t)(nodes[i] - past->nodes));
		html_text(out, nodes[i]->id);
		buf_printf(out, "</code></a><div class=\"track\"><span style=\"width: %.1f%%\"></span></div><span>",
			   share);
		text_duration(out, nodes[i]->took_ms);
		buf_str(out, "</span></li>\n");
	}
	buf_str(out, "</ol>\n");
}

static void add_sizes(const struct html_page *page, struct buf *out)
{
	if (!page->images_len)
		return;
	buf_str(out, "<h2 id=\"sizes\">Image sizes, compressed, build by build</h2>\n<div class=\"sizes\">\n");
	for (size_t i = 0; i < page->images_len; i++)
		html_sizes(&page->images[i], out);
	buf_str(out, "</div>\n");
}

void html_make(const struct html_page *page, struct buf *out)
{
	html_add_head(page, out);
	add_summary(page, out);
	add_failures(page, out);
	add_timeline(page->past, out);
	if (page->past->slots > 0)
		html_path(page->past, out);
	html_graph(page->past, out);
	add_slowest(page->past, out);
	add_sizes(page, out);
	html_nodes(page, out);
	buf_printf(out, "</main>\n<footer class=\"small\"><p>cbuild %s</p></footer>\n</body>\n</html>\n", cbuild_version);
}
