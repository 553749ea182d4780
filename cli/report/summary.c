#include "config.h"

#include <string.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/digest.h"
#include "base/fs.h"
#include "base/mem.h"
#include "base/text.h"
#include "cli/options.h"
#include "cli/report/report_state.h"
#include "cli/report/summary.h"
#include "dsl/manifest.h"
#include "engine/exec/event.h"
#include "engine/plan/plan.h"

/* The end of a run: a block for each failed node, what was made, one line of numbers. */

#define COLUMNS 80 /* of most terminals, */
#define INDENT 10  /* before an image's name, */
#define DIGITS 12  /* of a digest, */
#define ALIGNED 37 /* of a name, so that all that may follow it stays within */

static void summary_add_line(struct buf *out, const char *head, const char *text)
{
	buf_str(out, head);
	text_safe_lines(out, text, strlen(text));
	buf_char(out, '\n');
}

/* From the current folder, where it is below it: the line then fits a terminal. */
static void add_log(struct buf *out, const char *log)
{
	cleanup_free char *here = getcwd(NULL, 0);
	const char *below = here ? path_relative(here, log) : NULL;

	summary_add_line(out, "  log:  ", below ? below : log);
}

static void add_block(const struct report_state *state, const struct failure *failure, struct buf *out)
{
	const char *rest = failure->message;

	buf_printf(out, "\n%s", state->color ? "\x1b[1;31m" : "");
	report_node_name(state, failure->node, out);
	buf_printf(out, " failed%s\n", state->color ? "\x1b[0m" : "");
	while (*rest) {
		size_t len = strcspn(rest, "\n");

		buf_str(out, "  ");
		text_safe(out, rest, len);
		buf_char(out, '\n');
		rest += len + (rest[len] == '\n');
	}
	if (failure->remedy)
		summary_add_line(out, "  help: ", failure->remedy);
	if (failure->log)
		add_log(out, failure->log);
}

/* True when a node of this kind, for the image of `index`, ended with this outcome. */
static bool service_ran(const struct report_state *state, const struct node *index, enum node_kind kind,
			enum outcome outcome)
{
	for (size_t i = 0; i < plan_len(state->plan); i++) {
		const struct node *node = plan_node(state->plan, i);

		if (node->service == index->service && node->format == index->format && node->kind == kind &&
		    state->outcomes[i] == (int)outcome)
			return true;
	}
	return false;
}

/* True when the image of an index has nodes of this kind (a check for each service that uses it) and all of them
 * are done, in this run or before. */
static bool is_done(const struct report_state *state, const struct node *index, enum node_kind kind)
{
	const struct service *services = plan_manifest(state->plan)->services;
	bool any = false;

	for (size_t i = 0; i < plan_len(state->plan); i++) {
		const struct node *node = plan_node(state->plan, i);
		int outcome = state->outcomes[i];

		if (services[node->service].maker != index->service || node->format != index->format || node->kind != kind)
			continue;
		any = true;
		if (outcome >= 0 ? !outcome_good((enum outcome)outcome) : node->state != NODE_FRESH)
			return false;
	}
	return any;
}

static const char *how_made(const struct report_state *state, const struct node *index)
{
	enum node_kind kind = index->format ? NODE_CONVERT : NODE_BUILD;

	if (service_ran(state, index, kind, OUTCOME_DONE))
		return index->format ? "made" : "built";
	return service_ran(state, index, kind, OUTCOME_REUSED) ? "reused" : "fresh";
}

static size_t widest_reference(const struct report_state *state)
{
	size_t widest = 0;

	for (size_t i = 0; i < plan_len(state->plan); i++) {
		const struct node *node = plan_node(state->plan, i);

		if (node->kind != NODE_INDEX || !plan_is_target(state->plan, node->service))
			continue;
		for (const char *const *at = node->references; *at; at++)
			widest = strlen(*at) > widest && strlen(*at) <= ALIGNED ? strlen(*at) : widest;
	}
	return widest;
}

/* What failed of an image that was made: "  verify failed". */
static void add_failed_kinds(const struct report_state *state, const struct node *index, struct buf *out)
{
	const struct service *services = plan_manifest(state->plan)->services;

	for (size_t i = 0; i < plan_len(state->plan); i++) {
		const struct node *node = plan_node(state->plan, i);

		if (services[node->service].maker == index->service && node->format == index->format &&
		    node->kind > NODE_INDEX && state->outcomes[i] == (int)OUTCOME_FAILED)
			buf_printf(out, "  %s%s failed%s", report_color(state, "\x1b[1;31m"),
				   node_kind_name(node->kind), report_color(state, "\x1b[0m"));
	}
}

/* What became of an image, after its name. */
static void add_end(const struct report_state *state, const struct node *index, struct buf *out)
{
	const char *digest = report_pushed(state, index);

	buf_printf(out, "%.*s", DIGITS, digest_hex(digest ? digest : index->result.digest));
	buf_str(out, is_done(state, index, NODE_VERIFY) ? "  verified" : "");
	buf_str(out, is_done(state, index, NODE_TAG) ? "  pushed" : "");
	add_failed_kinds(state, index, out);
}

/* Of an image that was not made: why, and the word for it; NULL when nothing went wrong. */
static const char *add_why_not(const struct report_state *state, const struct node *index, struct buf *out)
{
	bool itself = report_outcome(state, index) == OUTCOME_FAILED;
	const struct node *cause = itself ? index : report_cause(state, index);

	if (!cause || (!itself && report_outcome(state, cause) != OUTCOME_FAILED))
		return NULL;
	report_node_name(state, cause, out);
	buf_str(out, " failed");
	return "failed";
}

/* A line of it, or two where one is wider than a terminal often is. */
static void add_image_line(const struct report_state *state, const char *word, const char *reference, size_t width,
			   const struct buf *end, struct buf *out)
{
	bool wide = INDENT + strlen(reference) + 2 + end->len > COLUMNS && strlen(reference) > width;
	bool bad = strcmp(word, "failed") == 0;

	buf_printf(out, "  %s%-6s%s  %-*s%s", report_color(state, bad ? "\x1b[1;31m" : ""), word,
		   report_color(state, bad ? "\x1b[0m" : ""), wide ? 0 : (int)width, reference, wide ? "\n" : "  ");
	buf_printf(out, "%*s%s\n", wide ? INDENT : 0, "", end->data);
}

/* The images of the run's services; the whole digests are what `cbuild images` prints. */
static void summary_add_images(const struct report_state *state, struct buf *out)
{
	size_t width = widest_reference(state);
	bool any = false;

	for (size_t i = 0; i < plan_len(state->plan); i++) {
		const struct node *node = plan_node(state->plan, i);
		cleanup_buf struct buf end = { 0 };
		const char *word = how_made(state, node);

		if (node->kind != NODE_INDEX || !plan_is_target(state->plan, node->service))
			continue;
		if (node->result.digest)
			add_end(state, node, &end);
		else
			word = add_why_not(state, node, &end);
		if (!word)
			continue;
		buf_str(out, any ? "" : "\n");
		for (size_t j = 0; node->references[j]; j++)
			add_image_line(state, word, node->references[j], width, &end, out);
		any = true;
	}
}

/* Where the files of the run's services are. */
static void summary_add_files(const struct report_state *state, struct buf *out)
{
	for (size_t i = 0; i < plan_len(state->plan); i++) {
		const struct node *node = plan_node(state->plan, i);
		const struct build_spec *build = &plan_manifest(state->plan)->services[node->service].build;

		if (node->kind != NODE_OUTPUT || !node->result.identity || !plan_is_target(state->plan, node->service))
			continue;
		for (size_t j = 0; j < build->outputs_len; j++)
			if (build->outputs[j].dest.s)
				buf_printf(out, "\n  %-6s  %s\n",
					   state->outcomes[i] == (int)OUTCOME_DONE ? "made" : "fresh",
					   plan_output_shown(state->plan, &build->outputs[j]));
	}
}

static void add_count(struct buf *out, size_t count, const char *word, bool *any)
{
	if (count == 0)
		return;
	buf_printf(out, "%s%zu %s", *any ? ", " : "", count, word);
	*any = true;
}

static void add_pushed(struct buf *out, const struct tally *tally, bool *any)
{
	cleanup_buf struct buf word = { 0 };

	buf_str(&word, "pushed (");
	text_size(&word, tally->pushed_bytes);
	buf_str(&word, " sent)");
	add_count(out, tally->pushed, word.data, any);
}

void report_summary(const struct report_state *state, int status, uint64_t took_ms, struct buf *out)
{
	const struct tally *tally = &state->tally;
	bool any = false;

	for (size_t i = 0; i < state->failures_len; i++)
		add_block(state, &state->failures[i], out);
	if (!state->options->quiet)
		summary_add_images(state, out);
	if (!state->options->quiet)
		summary_add_files(state, out);
	if (state->options->quiet && status == 0)
		return;
	buf_str(out, "\ncbuild: ");
	add_count(out, tally->prepared, "prepared", &any);
	add_count(out, tally->built, "built", &any);
	add_count(out, tally->written, "written", &any);
	add_count(out, tally->converted, "converted", &any);
	add_count(out, tally->loaded, "loaded", &any);
	add_count(out, tally->verified, "verified", &any);
	add_pushed(out, tally, &any);
	add_count(out, tally->tagged, "tagged", &any);
	add_count(out, tally->reused, "made by another cbuild", &any);
	add_count(out, state->nodes - state->stale + tally->fresh, "up to date", &any);
	add_count(out, tally->failed, "failed", &any);
	add_count(out, tally->outdated, "to be begun anew", &any);
	add_count(out, tally->skipped, "skipped", &any);
	add_count(out, tally->cancelled, "interrupted", &any);
	buf_str(out, any ? " in " : "ended after ");
	text_duration(out, took_ms);
	buf_char(out, '\n');
}
