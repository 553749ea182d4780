#include "config.h"

#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/error.h"
#include "base/mem.h"
#include "base/thread.h"
#include "dsl/manifest.h"
#include "engine/builder/builder.h"
#include "engine/cache/cache_run.h"
#include "engine/exec/event.h"
#include "engine/exec/fleet.h"
#include "engine/exec/run_private.h"
#include "engine/exec/sched.h"
#include "engine/io/loop.h"
#include "engine/oci/convert.h"
#include "engine/runtime/runtime.h"
#include "engine/state/state.h"

#define DAEMON_JOBS 4 /* nodes a processor that run at once when a daemon builds */

size_t run_stale(const struct run *run, enum node_kind from, enum node_kind to)
{
	size_t stale = 0;

	for (size_t i = 0; i < plan_len(run->plan); i++) {
		const struct node *node = plan_node(run->plan, i);

		stale += node->state != NODE_FRESH && node->kind >= from && node->kind <= to;
	}
	return stale;
}

static int run_tools_remember(struct run *run, const char *fact, const char *value, struct error **err)
{
	cleanup_free char *was = NULL;

	if (state_fact(run->env.state, fact, &was, err) < 0)
		return -1;
	return was && strcmp(was, value) == 0 ? 0 : state_set_fact(run->env.state, fact, value, err);
}

static bool kept_elsewhere(const struct node *node, const struct builder_info *info)
{
	const char *place = node->result.place;

	return node->kind == NODE_BUILD && node->state == NODE_FRESH && strcmp(place, "store") != 0 &&
	       strcmp(place, CACHE_BY_NAME) != 0 && !(info->place && strcmp(place, info->place) == 0);
}

/* A result kept in another builder's storage is missing for this one. */
static int doubt_kept(struct run *run, const struct builder_info *info, struct error **err)
{
	for (size_t i = 0; i < plan_len(run->plan); i++) {
		if (kept_elsewhere(plan_node(run->plan, i), info))
			plan_miss(run->plan, i, "its image where this builder can read it");
	}
	return plan_settle(run->plan, err);
}

/* True when a tool that was only preferred (used last, or suggested by the environment) cannot be used: then
 * another one is tried, with a note why. */
static bool run_tools_give_up(struct run *run, const char *name, bool preferred, struct error **error)
{
	cleanup_free char *note = NULL;

	if (!name || !preferred || ((*error)->cls != ERROR_TOOL && (*error)->cls != ERROR_USAGE))
		return false;
	note = mem_printf("%s cannot be used now: %s", name, (*error)->message);
	run_emit(run, &(struct event){ .kind = EVENT_NOTE, .text = note });
	error_free(steal_ptr(*error));
	return true;
}

/* The manifest's builder of that name, or NULL. */
static const struct manifest_builder *find_spec(const struct run *run, const char *name)
{
	const struct manifest *manifest = plan_manifest(run->plan);

	for (size_t i = 0; name && i < manifest->builders_len; i++)
		if (strcmp(manifest->builders[i].name.s, name) == 0)
			return &manifest->builders[i];
	return NULL;
}

static struct builder_means means_of(const struct run *run)
{
	return (struct builder_means){ run->env.loop, run->env.state, run->env.layout, run->env.logins };
}

static int find_builder(struct run *run, struct builder **ret, struct error **err)
{
	const struct run_options *options = run->options;
	const struct manifest_builder *spec = find_spec(run, options->builder);
	const struct builder_means means = means_of(run);
	struct error *error = NULL;

	if (spec && !options->builder_preferred)
		return fleet_open_one(spec, &means, ret, err);
	if (builder_open(options->builder, &means, ret, &error) == 0)
		return 0;
	if (!run_tools_give_up(run, options->builder, options->builder_preferred, &error))
		return error_move(err, &error);
	return builder_open(NULL, &means, ret, err);
}

/* Find a builder for everything that may have to be built before building anything. */
static int check_builders(struct run *run, struct error **err)
{
	for (size_t i = 0; i < plan_len(run->plan); i++) {
		const struct node *node = plan_node(run->plan, i);
		const struct fleet_want want = task_want(run->plan, node);

		if (node->kind == NODE_BUILD && node->state != NODE_FRESH && fleet_check(run->env.fleet, &want, err) < 0)
			return -1;
	}
	return 0;
}

static int open_one_builder(struct run *run, struct error **err)
{
	const struct builder_info *info;
	struct builder *builder;

	if (find_builder(run, &builder, err) < 0)
		return -1;
	run->env.fleet = fleet_of_one(builder);
	info = builder_info(builder);
	if (doubt_kept(run, info, err) < 0 || check_builders(run, err) < 0)
		return -1;
	/* A daemon does the work: what a node does here is mostly to wait for it. */
	if (info->sends_files && run->options->jobs == 0 && !run->jobserver)
		sched_widen(run->sched, thread_processors() * DAEMON_JOBS);
	return run_tools_remember(run, "builder", info->name, err);
}

static void left_out(void *data, const char *name, const struct error *why)
{
	cleanup_free char *note = mem_printf("the builder %s is left out: %s", name, why->message);

	run_emit(data, &(struct event){ .kind = EVENT_NOTE, .text = note });
}

/* Without a builder on the command line, the manifest's builders share the builds. They cannot read each other's
 * storages. */
static int open_fleet(struct run *run, struct error **err)
{
	const struct manifest *manifest = plan_manifest(run->plan);
	const struct builder_means means = means_of(run);
	const struct builder_info nobody = { 0 };

	if (fleet_open(manifest, &means, left_out, run, &run->env.fleet, err) < 0)
		return -1;
	return doubt_kept(run, &nobody, err) < 0 || check_builders(run, err) < 0 ? -1 : 0;
}

bool run_shares(const struct run *run)
{
	const struct run_options *options = run->options;

	return plan_manifest(run->plan)->builders_len > 0 && (!options->builder || options->builder_preferred);
}

static int open_builder(struct run *run, struct error **err)
{
	return run_shares(run) ? open_fleet(run, err) : open_one_builder(run, err);
}

/* The only builder of this run, or NULL: none was opened, or several share the builds. */
static const struct builder_info *only_builder(const struct run *run)
{
	const struct builder *builder = run->env.fleet ? fleet_only(run->env.fleet) : NULL;

	return builder ? builder_info(builder) : NULL;
}

/* The requested runtime, else the builder's. `options` has the one that belongs to the builder that was expected. */
static const char *runtime_for(const struct run *run)
{
	const struct run_options *options = run->options;
	const struct builder_info *builder = only_builder(run);
	bool expected = builder && options->builder && strcmp(builder->name, options->builder) == 0;

	if (options->runtime && (!options->runtime_preferred || !builder || expected || !builder->runtime))
		return options->runtime;
	return builder ? builder->runtime : NULL;
}

static int find_runtime(struct run *run, struct error **err)
{
	const char *name = runtime_for(run);
	struct task_env *env = &run->env;
	struct error *error = NULL;

	if (runtime_open(name, run->stem, env->loop, env->state, env->layout, env->logins, &env->runtime, &error) == 0)
		return 0;
	if (!run_tools_give_up(run, name, !run->options->runtime || run->options->runtime_preferred, &error))
		return error_move(err, &error);
	return runtime_open(NULL, run->stem, env->loop, env->state, env->layout, env->logins, &env->runtime, err);
}

static int run_tools_open_runtime(struct run *run, struct error **err)
{
	if (find_runtime(run, err) < 0)
		return -1;
	return run_tools_remember(run, "runtime", runtime_name(run->env.runtime), err);
}

/* Layers packed by earlier runs, for any service. */
static int remember_packed(struct run *run, struct error **err)
{
	struct record *records;
	size_t len;

	if (state_all_last(run->env.state, &records, &len, err) < 0)
		return -1;
	run->env.packed = convert_memory_new();
	for (size_t i = 0; i < len; i++)
		if (strncmp(records[i].node, "convert:", strlen("convert:")) == 0 && records[i].detail)
			convert_memory_learn(run->env.packed, records[i].detail);
	records_free(records, len);
	return 0;
}

/* Complain about formats that cannot be made before making anything. */
static int open_formats(struct run *run, struct error **err)
{
	for (size_t i = 0; i < plan_len(run->plan); i++) {
		const struct node *node = plan_node(run->plan, i);

		if (node->kind == NODE_CONVERT && node->state != NODE_FRESH && task_convert_check(node->format, err) < 0)
			return error_wrap(err, "%s", plan_manifest(run->plan)->services[node->service].name.s);
	}
	return remember_packed(run, err);
}

/* Which tools build and load: "building with docker 28.5.2, loading into docker". */
static void announce(struct run *run)
{
	const struct builder_info *builder = only_builder(run);
	cleanup_buf struct buf text = { 0 };

	if (builder)
		buf_printf(&text, "building with %s %s", builder->name, builder->version);
	else if (run->env.fleet)
		buf_printf(&text, "building with the manifest's %zu builders", plan_manifest(run->plan)->builders_len);
	if (run->env.runtime)
		buf_printf(&text, "%s%s %s", text.len > 0 ? ", " : "",
			   run_stale(run, NODE_LOAD, NODE_LOAD) > 0 ? "loading into" : "verifying with",
			   runtime_name(run->env.runtime));
	if (text.len > 0)
		run_note(run, text.data);
}

int run_open_tools(struct run *run, struct error **err)
{
	cleanup_free char *children = mem_printf("%s.children", run->stem);

	if (proc_journal(run->env.loop, children, err) < 0)
		return -1;
	if (run_stale(run, NODE_CONVERT, NODE_CONVERT) > 0 && open_formats(run, err) < 0)
		return -1;
	if (run_stale(run, NODE_BUILD, NODE_BUILD) > 0 && open_builder(run, err) < 0)
		return -1;
	if (run_stale(run, NODE_LOAD, NODE_VERIFY) > 0 && run_tools_open_runtime(run, err) < 0)
		return -1;
	announce(run);
	return 0;
}
