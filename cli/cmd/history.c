#include "config.h"

#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/buf.h"
#include "base/error.h"
#include "base/json.h"
#include "base/mem.h"
#include "base/text.h"
#include "cli/cmd/commands.h"
#include "cli/options.h"
#include "cli/output.h"
#include "cli/session.h"
#include "engine/state/state.h"

#define SHOWN 20          /* runs, as text */
#define ALL_MAX 1000      /* runs that the history has */
#define SIGNAL_STATUS 128 /* and above: ended by a signal */

static void history_add_when(struct buf *out, int64_t unix_ms)
{
	time_t seconds = (time_t)(unix_ms / 1000);
	struct tm local;
	char text[32] = "";

	if (localtime_r(&seconds, &local))
		strftime(text, sizeof(text), "%Y-%m-%d %H:%M:%S", &local);
	buf_printf(out, "%-19s", text);
}

static void add_status(struct buf *out, const struct run_info *run)
{
	cleanup_free char *text = NULL;

	if (run->status < 0)
		text = mem_strdup("no end");
	else if (run->status == 0)
		text = mem_strdup("ok");
	else if (run->status >= SIGNAL_STATUS)
		text = mem_strdup("interrupted");
	else
		text = mem_printf("failed %d", run->status);
	buf_printf(out, "  %-11s", text);
}

static void history_add_run(struct buf *out, const struct run_info *run)
{
	cleanup_buf struct buf took = { 0 };

	buf_printf(out, "%5lld  ", (long long)run->id);
	history_add_when(out, run->begin_ms);
	add_status(out, run);
	if (run->end_ms > 0)
		text_duration(&took, (uint64_t)(run->end_ms > run->begin_ms ? run->end_ms - run->begin_ms : 0));
	buf_printf(out, "  %8s  %4lld", took.data ? took.data : "-", (long long)run->done);
	if (run->nodes >= 0)
		buf_printf(out, " of %-4lld  cbuild ", (long long)run->nodes);
	else
		buf_str(out, "          cbuild ");
	text_safe(out, run->command ? run->command : "", strlen(run->command ? run->command : ""));
	buf_char(out, '\n');
}

static int history_print_text(const struct run_info *runs, size_t len, struct error **err)
{
	cleanup_buf struct buf out = { 0 };

	if (len == 0)
		return error_make(err, ERROR_USAGE, "nothing has run here yet");
	buf_str(&out, "  run  begun                status          took  nodes run     command\n");
	for (size_t i = 0; i < len && i < SHOWN; i++)
		history_add_run(&out, &runs[i]);
	return output_data(out.data, out.len, err);
}

static struct json *run_json(const struct run_info *run)
{
	struct json *object = json_new_object();

	json_set_int(object, "run", run->id);
	json_set_str(object, "command", run->command);
	json_set_int(object, "begin_ms", run->begin_ms);
	if (run->end_ms > 0) {
		json_set_int(object, "end_ms", run->end_ms);
		json_set_int(object, "status", run->status);
	}
	if (run->nodes >= 0) {
		json_set_int(object, "nodes", run->nodes);
		json_set_int(object, "builds", run->builds);
	}
	json_set_int(object, "done", run->done);
	json_set_int(object, "built", run->built);
	json_set_int(object, "failed", run->failed);
	return object;
}

static int history_print_json(const struct run_info *runs, size_t len, struct error **err)
{
	cleanup_json struct json *root = json_new_object();
	struct json *list = json_new_array();

	json_set_int(root, "version", 1);
	for (size_t i = 0; i < len; i++)
		json_append(list, run_json(&runs[i]));
	json_set(root, "runs", list);
	return output_json(root, err);
}

static int print_history(struct session *session, struct error **err)
{
	bool json = strcmp(session->options->format, "json") == 0;
	struct run_info *runs;
	size_t len;
	int r;

	if (state_runs(session->state, 0, ALL_MAX, &runs, &len, err) < 0)
		return -1;
	r = json ? history_print_json(runs, len, err) : history_print_text(runs, len, err);
	runs_free(runs, len);
	return r;
}

int cmd_history(const struct options *options, struct error **err)
{
	struct session session;
	int r = session_open(&session, options, err);

	if (r == 0)
		r = print_history(&session, err);
	session_close(&session);
	return r;
}
