#include "config.h"

#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/error.h"
#include "base/fs.h"
#include "base/mem.h"
#include "cli/cmd/commands.h"
#include "cli/options.h"
#include "cli/output.h"
#include "cli/report/html.h"
#include "cli/report/past.h"
#include "cli/session.h"
#include "dsl/manifest.h"
#include "engine/state/state.h"

#define LOG_MAX (256u << 20)   /* bytes read from a log */
#define LOG_SHOWN (128u << 10) /* bytes shown from its end */

/* The memory that the page refers to. */
struct report_draft {
	struct run_info *runs;
	size_t runs_len;
	struct past past;
	struct html_image *images;
	size_t images_len;
	struct html_log *logs;
	struct buf *texts; /* of the logs */
	size_t logs_len;
	struct buf *steps; /* one for each node */
};

static void report_draft_cleanup(struct report_draft *draft)
{
	for (size_t i = 0; i < draft->images_len; i++) {
		free((char *)draft->images[i].name);
		free((struct html_size *)draft->images[i].sizes);
	}
	for (size_t i = 0; i < draft->logs_len; i++)
		buf_free(&draft->texts[i]);
	free(draft->images);
	free(draft->logs);
	free(draft->texts);
	for (size_t i = 0; draft->steps && i < draft->past.len; i++)
		buf_free(&draft->steps[i]);
	free(draft->steps);
	past_free(&draft->past);
	runs_free(draft->runs, draft->runs_len);
}

static int parse_run(const struct options *options, int64_t *ret, struct error **err)
{
	const char *text = options->targets_len ? options->targets[0] : NULL;
	char *end;

	*ret = 0;
	if (!text)
		return 0;
	*ret = strtoll(text, &end, 10);
	if (options->targets_len > 1 || *end || *ret <= 0) {
		error_make(err, ERROR_USAGE, "`cbuild report` takes the number of a run, not \"%s\"", text);
		error_remedy(err, "`cbuild history` lists them");
		return -1;
	}
	return 0;
}

static int find_run(struct session *session, struct report_draft *draft, struct error **err)
{
	int64_t run;

	if (parse_run(session->options, &run, err) < 0 ||
	    state_runs(session->state, run, 1, &draft->runs, &draft->runs_len, err) < 0)
		return -1;
	if (draft->runs_len > 0)
		return 0;
	if (run == 0)
		return error_make(err, ERROR_USAGE, "nothing has run here yet");
	error_make(err, ERROR_USAGE, "there is no run %lld in the history", (long long)run);
	error_remedy(err, "`cbuild history` lists them");
	return -1;
}

static int read_past(struct session *session, struct report_draft *draft, struct error **err)
{
	const struct run_info *run = &draft->runs[0];
	cleanup_free char *plan = NULL;
	struct run_step *steps;
	size_t len;
	int r;

	if (state_run_plan(session->state, run->id, &plan, err) < 0 ||
	    state_steps(session->state, run->id, &steps, &len, err) < 0)
		return -1;
	r = past_make(plan, run, steps, len, &draft->past, err);
	steps_free(steps, len);
	return r;
}

/* Converts a build's records, which are newest first, to its image's sizes. */
static int report_add_image(struct session *session, struct report_draft *draft, const struct past_node *node,
			    struct error **err)
{
	struct record *records;
	struct html_size *sizes;
	size_t len, count = 0;

	if (state_all_of(session->state, node->id, &records, &len, err) < 0)
		return -1;
	sizes = mem_array(len + 1, sizeof(*sizes));
	for (size_t i = len; i-- > 0;) {
		if (records[i].size > 0)
			sizes[count++] = (struct html_size){ records[i].when_ms, records[i].size };
	}
	records_free(records, len);
	if (count == 0) {
		free(sizes);
		return 0;
	}
	draft->images[draft->images_len++] = (struct html_image){
		.name = mem_printf("%s %s", node->service, node->platform ? node->platform : ""),
		.sizes = sizes,
		.len = count,
	};
	return 0;
}

static int report_add_images(struct session *session, struct report_draft *draft, struct error **err)
{
	draft->images = mem_array(draft->past.len + 1, sizeof(*draft->images));
	for (size_t i = 0; i < draft->past.len; i++) {
		if (strcmp(draft->past.nodes[i].kind, "build") == 0 &&
		    report_add_image(session, draft, &draft->past.nodes[i], err) < 0)
			return -1;
	}
	return 0;
}

static void add_logs(struct report_draft *draft)
{
	draft->logs = mem_array(draft->past.len + 1, sizeof(*draft->logs));
	draft->texts = mem_array(draft->past.len + 1, sizeof(*draft->texts));
	for (size_t i = 0; i < draft->past.len; i++) {
		const struct past_node *node = &draft->past.nodes[i];
		struct buf *text = &draft->texts[draft->logs_len];
		bool there;
		size_t from;

		if (!node->outcome || strcmp(node->outcome, STATE_FAILED) != 0 || !node->log)
			continue;
		there = fs_read(node->log, LOG_MAX, text, NULL) == 0;
		from = text->len > LOG_SHOWN ? text->len - LOG_SHOWN : 0;
		draft->logs[draft->logs_len++] = (struct html_log){
			.node = i,
			.path = node->log,
			.text = there ? (text->data ? text->data + from : "") : NULL,
			.len = text->len - from,
		};
	}
}

/* A build of an older cbuild has none; a file that cannot be read costs the page no more than that. */
static void report_add_steps(struct report_draft *draft)
{
	draft->steps = mem_array(draft->past.len + 1, sizeof(*draft->steps));
	for (size_t i = 0; i < draft->past.len; i++) {
		const char *log = draft->past.nodes[i].log;
		cleanup_free char *path = log ? mem_printf("%s" STATE_STEPS, log) : NULL;

		if (path && fs_read(path, LOG_MAX, &draft->steps[i], NULL) < 0)
			buf_reset(&draft->steps[i]);
	}
}

static int write_page(struct session *session, const struct report_draft *draft, struct error **err)
{
	const char *output = session->options->output;
	cleanup_free char *usual = path_join(session->state_dir, "report.html");
	const char *path = output ? output : usual;
	cleanup_buf struct buf page = { 0 };

	html_make(
		&(struct html_page){
			.project = session->manifest->project.s,
			.run = &draft->runs[0],
			.past = &draft->past,
			.images = draft->images,
			.images_len = draft->images_len,
			.logs = draft->logs,
			.logs_len = draft->logs_len,
			.steps = draft->steps,
		},
		&page);
	if (output && strcmp(output, "-") == 0)
		return output_data(page.data, page.len, err);
	if (!output && fs_refuse_link(session->state_dir, err) < 0)
		return -1;
	if (fs_replace(path, page.data, page.len, 0644, err) < 0)
		return -1;
	buf_reset(&page);
	buf_printf(&page, "%s\n", path);
	return output_text(page.data, page.len, err);
}

int cmd_report(const struct options *options, struct error **err)
{
	__attribute__((cleanup(report_draft_cleanup))) struct report_draft draft = { 0 };
	struct session session;
	int r = session_open(&session, options, err);

	if (r == 0 && (find_run(&session, &draft, err) < 0 || read_past(&session, &draft, err) < 0 ||
		       report_add_images(&session, &draft, err) < 0))
		r = -1;
	if (r == 0) {
		add_logs(&draft);
		report_add_steps(&draft);
		r = write_page(&session, &draft, err);
	}
	session_close(&session);
	return r;
}
