#include "config.h"

#include <string.h>

#include "base/buf.h"
#include "base/error.h"
#include "base/json.h"
#include "base/text.h"
#include "cli/cmd/commands.h"
#include "cli/options.h"
#include "cli/output.h"
#include "cli/report/run_stats.h"
#include "cli/session.h"
#include "engine/state/state.h"

#define SHOWN 15     /* nodes, as text */
#define ALL_MAX 1000 /* runs that the history has */

static void stats_add_duration(struct buf *out, uint64_t ms)
{
	cleanup_buf struct buf text = { 0 };

	text_duration(&text, ms);
	buf_printf(out, "  %8s", text.data);
}

static void add_nodes(const struct stats *stats, struct buf *out)
{
	int width = 4;

	for (size_t i = 0; i < stats->nodes_len && i < SHOWN; i++) {
		int len = (int)strlen(stats->nodes[i].node);

		width = len > width ? len : width;
	}
	buf_printf(out, "\n%-*s  times    median   longest      last\n", width, "the slowest nodes");
	for (size_t i = 0; i < stats->nodes_len && i < SHOWN; i++) {
		const struct stats_node *node = &stats->nodes[i];

		buf_printf(out, "%-*s  %5zu", width, node->node, node->times);
		stats_add_duration(out, node->median_ms);
		stats_add_duration(out, node->longest_ms);
		stats_add_duration(out, node->last_ms);
		buf_char(out, '\n');
	}
}

static int stats_print_text(const struct stats *stats, struct error **err)
{
	size_t endless = stats->runs - stats->good - stats->failed - stats->interrupted;
	cleanup_buf struct buf out = { 0 };

	if (stats->runs == 0)
		return error_make(err, ERROR_USAGE, "nothing has run here yet");
	buf_printf(&out, "runs with something to do: %zu (%zu good, %zu failed, %zu interrupted", stats->runs,
		   stats->good, stats->failed, stats->interrupted);
	if (endless)
		buf_printf(&out, ", %zu without an end", endless);
	buf_str(&out, ")\nthey took:");
	stats_add_duration(&out, stats->median_ms);
	buf_str(&out, " at the median,");
	stats_add_duration(&out, stats->longest_ms);
	buf_str(&out, " at most\n");
	if (stats->builds)
		buf_printf(&out, "builds in them: %llu, of which %llu ran: %.0f %% were fresh\n",
			   (unsigned long long)stats->builds, (unsigned long long)stats->built,
			   100.0 * (double)(stats->builds - stats->built) / (double)stats->builds);
	if (stats->nodes_len)
		add_nodes(stats, &out);
	return output_data(out.data, out.len, err);
}

static struct json *stats_node_json(const struct stats_node *node)
{
	struct json *object = json_new_object();

	json_set_str(object, "node", node->node);
	json_set_int(object, "times", (int64_t)node->times);
	json_set_int(object, "median_ms", (int64_t)node->median_ms);
	json_set_int(object, "longest_ms", (int64_t)node->longest_ms);
	json_set_int(object, "last_ms", (int64_t)node->last_ms);
	json_set_int(object, "total_ms", (int64_t)node->total_ms);
	return object;
}

static int stats_print_json(const struct stats *stats, struct error **err)
{
	cleanup_json struct json *root = json_new_object();
	struct json *nodes = json_new_array();

	json_set_int(root, "version", 1);
	json_set_int(root, "runs", (int64_t)stats->runs);
	json_set_int(root, "good", (int64_t)stats->good);
	json_set_int(root, "failed", (int64_t)stats->failed);
	json_set_int(root, "interrupted", (int64_t)stats->interrupted);
	json_set_int(root, "median_ms", (int64_t)stats->median_ms);
	json_set_int(root, "longest_ms", (int64_t)stats->longest_ms);
	json_set_int(root, "builds", (int64_t)stats->builds);
	json_set_int(root, "built", (int64_t)stats->built);
	for (size_t i = 0; i < stats->nodes_len; i++)
		json_append(nodes, stats_node_json(&stats->nodes[i]));
	json_set(root, "nodes", nodes);
	return output_json(root, err);
}

static int print_stats(struct session *session, struct error **err)
{
	struct run_info *runs = NULL;
	struct run_step *steps = NULL;
	size_t runs_len = 0, steps_len = 0;
	struct stats stats;
	int r = -1;

	if (state_runs(session->state, 0, ALL_MAX, &runs, &runs_len, err) == 0 &&
	    state_steps(session->state, 0, &steps, &steps_len, err) == 0) {
		stats_make(runs, runs_len, steps, steps_len, &stats);
		r = strcmp(session->options->format, "json") == 0 ? stats_print_json(&stats, err)
								  : stats_print_text(&stats, err);
		stats_free(&stats);
	}
	steps_free(steps, steps_len);
	runs_free(runs, runs_len);
	return r;
}

int cmd_stats(const struct options *options, struct error **err)
{
	struct session session;
	int r = session_open(&session, options, err);

	if (r == 0)
		r = print_stats(&session, err);
	session_close(&session);
	return r;
}
