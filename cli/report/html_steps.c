#include "config.h"

#include "base/buf.h"
#include "base/json.h"
#include "base/text.h"
#include "cli/report/html.h"

static int64_t steps_end(const struct json *steps)
{
	int64_t last = 1;

	for (size_t i = 0; i < json_len(steps); i++) {
		int64_t end = json_int(json_at(steps, i), "start_ms") + json_int(json_at(steps, i), "took_ms");

		last = end > last ? end : last;
	}
	return last;
}

static void html_add_step(const struct json *step, int64_t whole, struct buf *out)
{
	const char *label = json_str(step, "step"), *name = json_str(step, "name");
	int64_t start = json_int(step, "start_ms"), took = json_int(step, "took_ms");
	bool cached = json_bool(step, "cached");

	buf_str(out, "<li><code><span class=\"small\">");
	html_text(out, label ? label : "");
	buf_str(out, "</span> ");
	html_text(out, name ? name : "");
	buf_printf(out,
		   "</code><div class=\"track\"><span%s style=\"margin-left: %.1f%%; width: %.1f%%\"></span></div><span>",
		   cached ? " class=\"none\"" : "", 100.0 * (double)start / (double)whole,
		   100.0 * (double)took / (double)whole);
	if (cached)
		buf_str(out, "cached");
	else
		text_duration(out, (uint64_t)(took > 0 ? took : 0));
	buf_str(out, "</span></li>\n");
}

void html_steps(const char *text, size_t len, struct buf *out)
{
	cleanup_json struct json *steps = NULL;
	size_t cached = 0;

	/* The file may be gone or cut short; then the log still has the steps. */
	if (len == 0 || json_parse(text, len, "steps", &steps, NULL) < 0 || json_len(steps) == 0)
		return;
	for (size_t i = 0; i < json_len(steps); i++)
		cached += json_bool(json_at(steps, i), "cached");
	buf_printf(out, "<details class=\"steps\"><summary>%zu step%s", json_len(steps), json_len(steps) == 1 ? "" : "s");
	if (cached)
		buf_printf(out, ", %zu cached", cached);
	buf_str(out, "</summary><ol class=\"bars\">\n");
	for (size_t i = 0; i < json_len(steps); i++)
		html_add_step(json_at(steps, i), steps_end(steps), out);
	buf_str(out, "</ol></details>\n");
}
