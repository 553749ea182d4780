#include "config.h"

#include "cli/complaints.h"

#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/clock.h"
#include "base/diag.h"
#include "base/fs.h"
#include "base/json.h"
#include "base/mem.h"
#include "cli/options.h"
#include "cli/output.h"

static const char *severity(const struct diag_view *diag)
{
	return diag->warning ? "warning" : "error";
}

struct json *complaint_json(const struct diag_view *diag)
{
	struct json *object = json_new_object();

	json_set_str(object, "severity", severity(diag));
	json_set_str(object, "rule", diag->rule);
	if (diag->file) {
		json_set_str(object, "file", diag->file);
		json_set_int(object, "line", diag->line);
		json_set_int(object, "column", diag->column);
	}
	json_set_str(object, "message", diag->message);
	json_set_str(object, "help", diag->hint);
	return object;
}

static void add_event(void *out, const struct diag_view *diag)
{
	cleanup_json struct json *object = complaint_json(diag);

	json_set_str(object, "event", "diagnostic");
	json_set_int(object, "time_ms", clock_unix_ms());
	json_dump(object, JSON_COMPACT, out);
	buf_char(out, '\n');
}

/* An annotation's file counts from the top of the checkout. */
static void add_place(struct buf *out, const struct diag_view *diag)
{
	const char *top = getenv("GITHUB_WORKSPACE"), *below;
	cleanup_free char *path = diag->file && fs_exists(diag->file) ? path_absolute(diag->file, NULL) : NULL;

	below = top && path ? path_relative(top, path) : NULL;
	if (!below)
		return;
	buf_str(out, " file=");
	output_workflow_value(out, below);
	buf_printf(out, ",line=%u,col=%u", diag->line, diag->column);
}

static void add_annotation(void *out, const struct diag_view *diag)
{
	buf_printf(out, "::%s", severity(diag));
	add_place(out, diag);
	buf_str(out, "::");
	output_workflow_value(out, diag->message);
	if (diag->hint) {
		output_workflow_value(out, "\nhelp: ");
		output_workflow_value(out, diag->hint);
	}
	buf_char(out, '\n');
}

void complaints_show(struct diags *diags, const struct options *options)
{
	cleanup_buf struct buf text = { 0 };

	if (strcmp(options->progress, "json") == 0) {
		diags_each(diags, add_event, &text);
	} else {
		diags_render(diags, &text, output_color());
		if (output_github())
			diags_each(diags, add_annotation, &text);
	}
	if (text.len)
		output_stderr(&text);
}
