#include "config.h"

#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/diag.h"
#include "base/error.h"
#include "base/mem.h"
#include "base/text.h"
#include "cli/cmd/build.h"
#include "cli/cmd/check.h"
#include "cli/cmd/outline.h"
#include "cli/cmd/commands.h"
#include "cli/cmd/images.h"
#include "cli/options.h"
#include "cli/complaints.h"
#include "cli/output.h"
#include "cli/remotes.h"
#include "cli/report/reporter.h"
#include "cli/plan_bases.h"
#include "cli/session.h"
#include "cli/signer.h"
#include "dsl/manifest.h"
#include "engine/cache/cache_run.h"
#include "engine/exec/event.h"
#include "engine/exec/present.h"
#include "engine/exec/renew_results.h"
#include "engine/exec/run.h"
#include "engine/exec/tags_check.h"
#include "engine/exec/tags_others.h"
#include "engine/exec/tidy.h"
#include "engine/oci/layout.h"
#include "engine/oci/lockfile.h"
#include "engine/plan/plan.h"
#include "engine/registry/bases.h"
#include "engine/source/context.h"
#include "engine/up/up_run.h"

int build_sweep(struct session *session, struct error **err)
{
	if (up_sweep(session->state_dir, err) < 0)
		return -1;
	if (!run_needs_sweep(session->state_dir))
		return 0;
	if (session_write(session, err) < 0 || session_loop(session, err) < 0)
		return -1;
	return run_sweep(session->state_dir, session->loop, session->state, session->layout, err);
}

static bool anything_stale(struct plan *plan)
{
	for (size_t i = 0; i < plan_len(plan); i++) {
		if (plan_node(plan, i)->state != NODE_FRESH)
			return true;
	}
	return false;
}

/* Keep the hashes. In a read-only checkout they are lost, and computed again next time. */
static void keep_hashes(struct session *session)
{
	struct error *unsaved = NULL;

	if (source_save(session->source, &unsaved) < 0)
		error_free(unsaved);
}

static int follow_all(struct session *session, struct error **err)
{
	return renew_results(session->plan, session->state, 0, plan_len(session->plan), err);
}

/* Results that returned become the newest, to compare later changes with; in a read-only checkout, later changes
 * are compared with what was newer. Damage in the store is repaired. */
static void keep_newest(struct session *session)
{
	struct error *unsaved = NULL;
	bool damaged = session->layout && layout_damaged(session->layout);

	if ((damaged || renew_results_needed(session->plan)) &&
	    (session_write(session, &unsaved) < 0 || follow_all(session, &unsaved) < 0))
		error_free(unsaved);
}

bool build_needed(struct session *session)
{
	if (anything_stale(session->plan))
		return true;
	keep_hashes(session);
	return false;
}

static const char *const *planned_services(const struct session *session, const char **names)
{
	size_t len = 0;

	for (size_t i = 0; i < plan_len(session->plan); i++)
		names[len++] = session->manifest->services[plan_node(session->plan, i)->service].name.s;
	return names;
}

static void report_bound(const struct tidy_freed *freed, uint64_t bound)
{
	cleanup_buf struct buf text = { 0 };

	text_size(&text, freed->blobs.bytes);
	buf_str(&text, " freed in the store, to keep to ");
	text_size(&text, bound);
	if (freed->kept.bytes > bound) {
		buf_str(&text, "; what this run was about takes ");
		text_size(&text, freed->kept.bytes);
	}
	output_note("%s", text.data);
}

/* `store: {max: ...}`: removes older results, but none that this run was about. If another cbuild is running, that
 * one does it at its end. */
static int build_keep_to_bound(struct session *session, struct error **err)
{
	const char **names cleanup_free = mem_array(plan_len(session->plan) + 1, sizeof(*names));
	cleanup_free const char **sources = remotes_used(session->remotes, session->manifest);
	struct tidy_options tidy = {
		.state_dir = session->state_dir,
		.bounded = true,
		.keep = session->manifest->store_max,
		.services = planned_services(session, names),
		.sources = sources,
	};
	struct tidy_freed freed;
	uint64_t size;

	if (!tidy.keep)
		return 0;
	if (tidy_size(session->layout, &size, err) < 0)
		return -1;
	if (size <= tidy.keep || run_needs_sweep(session->state_dir))
		return 0;
	if (run_gate(session->state_dir, &session->alone, err) < 0)
		return -1;
	if (run_needs_sweep(session->state_dir))
		return 0;
	if (tidy_prune(session->layout, session->state, &tidy, &freed, err) < 0)
		return -1;
	if (!session->options->quiet)
		report_bound(&freed, tidy.keep);
	return 0;
}

static bool takes_results(const struct session *session)
{
	const struct options *options = session->options;

	return session->manifest->cache_registry && !options->no_cache_read && !options->force;
}

int build_execute(struct session *session, struct error **err)
{
	const struct options *options = session->options;
	struct report *report;
	struct sink sink = { 0 };
	int status, r;

	if (!anything_stale(session->plan)) {
		keep_hashes(session);
		keep_newest(session);
		return report_nothing(session->plan, options, err);
	}
	if (session_write(session, err) < 0 || follow_all(session, err) < 0 || session_registry(session, err) < 0)
		return -1;
	report = report_new(session->plan, options, &sink);
	r = run_plan(session->plan, session->loop, session->state, session->layout, session->source,
		     &(struct run_options){
			     .builder = session->builder,
			     .builder_preferred = session->builder_preferred,
			     .runtime = session->runtime,
			     .runtime_preferred = session->runtime_preferred,
			     .jobs = options->jobs,
			     .makeflags = getenv("MAKEFLAGS"),
			     .max_load = options->max_load,
			     .keep_going = options->keep_going,
			     .registry = session->registry,
			     .logins = session->logins,
			     .bases = session->bases,
			     .held = session->held,
			     .others = session->others,
			     .signer = session->signing_key,
			     .urls = session->urls,
			     .pull = options->pull,
			     .take_results = takes_results(session) && !session->cache_down,
			     .give_results = session->manifest->cache_registry && !session->manifest->cache_read_only,
			     .state_dir = session->state_dir,
			     .command = options->words,
			     .anew = session->anew,
			     .ticks = report_is_live(report),
			     .sink = &sink,
		     },
		     &status, &session->outdated, err);
	if (r == 0)
		r = report_finish(report, err);
	report_free(report);
	if (r == 0 && status == 0)
		r = build_keep_to_bound(session, err);
	return r < 0 ? -1 : status;
}

/* What the Dockerfiles of stale builds name and is not there. With -k it is told, and the builds that go wrong over it do so by
 * themselves. */
static int build_check_copies(struct session *session)
{
	size_t errors = diags_count(session->diags), warnings = diags_warnings(session->diags);

	plan_check_copies(session->plan, false);
	if (diags_count(session->diags) > errors ||
	    (diags_warnings(session->diags) > warnings && !session->options->quiet))
		complaints_show(session->diags, session->options);
	return diags_count(session->diags) > errors && !session->options->keep_going ? -1 : 0;
}

static int dry_run(struct session *session, struct error **err)
{
	const struct options *options = session->options;
	int r;

	if (strcmp(options->format, "json") == 0)
		r = report_plan_json(session->plan, err);
	else
		r = report_plan_text(session->plan, options->verbose, err);
	if (r < 0)
		return -1;
	keep_hashes(session);
	if (build_check_copies(session) < 0)
		return -1;
	return options->exit_code && anything_stale(session->plan) ? 1 : 0;
}

static void show_note(void *data, const char *text)
{
	const struct session *session = data;

	if (!session->options->quiet)
		output_note("%s", text);
}

/* Take results from the registry cache. */
static int build_take_results(struct session *session, struct error **err)
{
	struct cache_run env = { .plan = session->plan, .state = session->state, .note = show_note, .data = session };

	if (!takes_results(session) || !anything_stale(session->plan))
		return 0;
	if (session_write(session, err) < 0 || session_registry(session, err) < 0)
		return -1;
	env.registry = session->registry;
	env.layout = session->layout;
	if (cache_take_results(&env, err) < 0)
		return -1;
	session->cache_down = env.down;
	return 0;
}

/* Now it is known what is pushed, and what the registries have. */
static int look_at_registries(struct session *session, struct error **err)
{
	const struct options *options = session->options;

	if (session_registry(session, err) < 0 || tags_check(session->plan, session->registry, &session->held, err) < 0)
		return -1;
	if (anything_stale(session->plan) && signer_read(session, err) < 0)
		return -1;
	if (options->merge_platforms && session_write(session, err) < 0)
		return -1;
	if (!options->partial && tags_others_find(session->plan, session->registry, session->layout, session->held,
						  options->merge_platforms, &session->others, err) < 0)
		return -1;
	present_set_running(session->present);
	return 0;
}

#define ANEW_MAX 2 /* times that files may change while they are sent, before that is a failure */

/* The targets that are not built but whose Dockerfiles are asked something: to check them, or what is in them. */
struct asked_targets {
	const char **checked, **shown; /* NULL-terminated */
	size_t checked_len, shown_len;
};

static void only_asked(const struct session *session, struct arena *arena, struct asked_targets *ret)
{
	const struct manifest *manifest = session->manifest;

	ret->checked = arena_array(arena, manifest->services_len + 1, sizeof(*ret->checked));
	ret->shown = arena_array(arena, manifest->services_len + 1, sizeof(*ret->shown));
	for (size_t i = 0; i < manifest->services_len; i++) {
		const char *name = arena_strdup(arena, manifest->services[i].name.s);

		if (!plan_only_asks(session->plan, i))
			continue;
		if (manifest->services[i].call == CALL_CHECK)
			ret->checked[ret->checked_len++] = name;
		else
			ret->shown[ret->shown_len++] = name;
	}
}

/* Asks them, or with -n says that they would be. */
static int ask_those(const struct options *options, const struct asked_targets *asked, struct error **err)
{
	int r = 0;

	for (size_t i = 0; options->dry_run && !options->quiet && i < asked->checked_len; i++)
		output_note("%s: its Dockerfile is checked, and nothing built", asked->checked[i]);
	for (size_t i = 0; options->dry_run && !options->quiet && i < asked->shown_len; i++)
		output_note("%s: what its Dockerfile takes is shown, and nothing built", asked->shown[i]);
	if (options->dry_run)
		return 0;
	if (asked->shown_len > 0)
		r = outline_named(options, asked->shown, asked->shown_len, err);
	return r == 0 && asked->checked_len > 0 ? check_named(options, asked->checked, asked->checked_len, err) : r;
}

/* *anew: whether it may be begun anew, and whether it must be. */
static int build_round(const struct options *options, const struct session_plan *want, bool *anew, struct error **err)
{
	struct arena *arena = arena_new();
	struct asked_targets asked = { 0 };
	struct session session;
	int r = session_open(&session, options, err);

	session.anew = *anew;
	if (r == 0 && !options->dry_run)
		r = build_sweep(&session, err);
	if (r == 0)
		r = plan_bases(&session, want, err);
	if (r == 0 && !options->dry_run)
		r = build_take_results(&session, err);
	if (r == 0 && !options->dry_run)
		r = build_check_copies(&session);
	if (r == 0 && want->push && !options->dry_run)
		r = look_at_registries(&session, err);
	if (r == 0)
		only_asked(&session, arena, &asked);
	if (r == 0 && (plan_len(session.plan) > 0 || asked.checked_len + asked.shown_len == 0))
		r = options->dry_run ? dry_run(&session, err) : build_execute(&session, err);
	*anew = session.outdated;
	if (r == 0 && !*anew && !options->dry_run && images_tell_github(&session, err) < 0)
		r = -1;
	session_close(&session);
	if (r >= 0 && !*anew) {
		int status = ask_those(options, &asked, err);

		r = status < 0 || r == 0 ? status : r;
	}
	arena_free(arena);
	return r;
}

/* Builds the targets; with `verify_again` their checks run even if they passed before. */
static int build_run_build(const struct options *options, bool verify_again, bool push, struct error **err)
{
	const struct session_plan want = {
		.load = !options->no_load,
		.verify = !options->no_verify || verify_again,
		.verify_again = verify_again,
		.push = push,
	};
	int r;

	if (options->partial && options->merge_platforms)
		return error_make(err, ERROR_USAGE,
				  "--partial drops the platforms that --merge-platforms keeps: give one of them");
	for (unsigned round = 0;; round++) {
		bool anew = round < ANEW_MAX;

		r = build_round(options, &want, &anew, err);
		if (!anew)
			return r;
	}
}

int cmd_build(const struct options *options, struct error **err)
{
	return build_run_build(options, false, options->push, err);
}

int cmd_verify(const struct options *options, struct error **err)
{
	return build_run_build(options, true, options->push, err);
}

int cmd_push(const struct options *options, struct error **err)
{
	return build_run_build(options, false, true, err);
}
