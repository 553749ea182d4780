#include "config.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/error.h"
#include "base/fs.h"
#include "base/mem.h"
#include "base/thread.h"
#include "dsl/manifest.h"
#include "engine/exec/event.h"
#include "engine/exec/fleet.h"
#include "engine/exec/former.h"
#include "engine/exec/run_private.h"
#include "engine/exec/sched.h"
#include "engine/io/jobserver.h"
#include "engine/io/loop.h"
#include "engine/io/proc.h"
#include "engine/oci/convert.h"
#include "engine/plan/plan_json.h"
#include "engine/runtime/runtime.h"
#include "engine/source/context.h"
#include "engine/state/state.h"

#define TICK_MS 100
#define COST_UNKNOWN_MS 1000 /* of a node that never ran */
#define LOCK_PAUSE_MS 20     /* between two attempts to lock the run's own file, which a sweep may hold */
#define LOCK_WAIT_MS 60000

/* At once: what is running may take seconds to end. */
static void say_stopping(struct run *run)
{
	size_t running = sched_running(run->sched);
	cleanup_free char *text = mem_printf("stopping %zu node%s%s", running, running == 1 ? "" : "s",
					     run->signum == SIGINT ? "; a second Ctrl-C does not wait" : "");

	if (running > 0)
		run_emit(run, &(struct event){ .kind = EVENT_NOTE, .text = text });
}

static void run_on_signal(void *arg, int signum)
{
	struct run *run = arg;

	if (!run->signum) {
		run->signum = signum;
		say_stopping(run);
	}
	loop_cancel(run->env.loop);
	run_pump(run);
}

/* From the time each node took in its last run. No estimate while a build is pending that never ran. */
static uint64_t remaining_ms(const struct run *run)
{
	size_t len = plan_len(run->plan);
	cleanup_free uint64_t *spent = mem_array(len + 1, sizeof(*spent));

	for (size_t i = 0; i < len; i++) {
		const struct node *node = plan_node(run->plan, i);
		enum sched_state state = sched_state(run->sched, i);
		bool deciding = state == SCHED_RUNNING &&
				run->begun_ms[i] == 0; /* in another thread: it has no state yet */
		bool ahead = state == SCHED_WAITING || state == SCHED_READY || state == SCHED_RUNNING;

		if (ahead && node->kind <= NODE_BUILD && node->took_ms == 0 && (deciding || node->state != NODE_FRESH))
			return UNKNOWN_MS;
		if (state == SCHED_RUNNING && !deciding)
			spent[i] = loop_now_ms() - run->begun_ms[i];
	}
	return sched_remaining(run->sched, spent);
}

static void run_on_tick(void *arg)
{
	run_emit(arg, &(struct event){ .kind = EVENT_TICK, .remaining_ms = remaining_ms(arg) });
}

static void on_resize(void *arg)
{
	run_emit(arg, &(struct event){ .kind = EVENT_RESIZE });
}

/* The file exists a moment before it is locked: another cbuild's sweep may have locked it, but will release it. */
static int run_lock_run(struct run *run, struct error **err)
{
	for (uint64_t waited = 0;; waited += LOCK_PAUSE_MS) {
		if (fs_lock(run->lock_path, false, &run->lock_fd, err) < 0)
			return -1;
		if (run->lock_fd >= 0)
			return 0;
		if (waited >= LOCK_WAIT_MS)
			return error_make(err, ERROR_STATE, "%s is locked by another run", run->lock_path);
		if (loop_pause(run->env.loop, LOCK_PAUSE_MS, err) < 0)
			return -1;
	}
}

/* Creates and opens the run's own folder in .cbuild/`name`. A symbolic link in place of either is not followed. */
static int open_own(const struct run *run, const char *name, mode_t mode, int *ret_fd, struct error **err)
{
	cleanup_free char *folder = path_join(run->options->state_dir, name);
	cleanup_free char *id = mem_printf("%lld", (long long)run->id);
	cleanup_free char *path = path_join(folder, id);
	cleanup_fd int fd = open(folder, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);

	if (fd < 0)
		return error_errno(err, ERROR_STATE, errno, "%s: cannot open", folder);
	return fs_folder_at(fd, id, mode, path, ret_fd, err);
}

static int make_folders(struct run *run, struct error **err)
{
	const char *const names[] = { "run", "locks", "logs" };
	cleanup_fd int stem = -1;

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		cleanup_free char *path = path_join(run->options->state_dir, names[i]);

		if (fs_mkdirs(path, 0755, err) < 0)
			return -1;
	}
	run->stem = mem_printf("%s/run/%lld", run->options->state_dir, (long long)run->id);
	run->lock_path = mem_printf("%s.lock", run->stem);
	run->logs = mem_printf("%s/logs/%lld", run->options->state_dir, (long long)run->id);
	if (run_lock_run(run, err) < 0 || open_own(run, "run", 0700, &stem, err) < 0)
		return -1;
	return open_own(run, "logs", 0755, &run->logs_fd, err);
}

/* As with make itself, our own -j overrides make's slots. */
static void open_jobserver(struct run *run)
{
	const char *why = NULL;

	if (run->options->jobs > 0)
		return;
	run->jobserver = jobserver_open(run->env.loop, run->options->makeflags, &why);
	if (why)
		run_emit(run, &(struct event){ .kind = EVENT_NOTE, .text = why });
}

static size_t builders_jobs(const struct run *run)
{
	const struct manifest *manifest = plan_manifest(run->plan);
	size_t jobs = 0;

	for (size_t i = 0; i < manifest->builders_len; i++)
		jobs += manifest->builders[i].jobs;
	return jobs;
}

static struct sched *make_sched(const struct run *run)
{
	size_t len = plan_len(run->plan);
	cleanup_free struct sched_node *nodes = mem_array(len + 1, sizeof(*nodes));
	size_t jobs = run->options->jobs;

	for (size_t i = 0; i < len; i++) {
		const struct node *node = plan_node(run->plan, i);
		uint64_t cost = node->took_ms > 0 ? (uint64_t)node->took_ms : COST_UNKNOWN_MS;

		nodes[i] = (struct sched_node){
			.needs = node->needs,
			.needs_len = node->needs_len,
			.cost = node->state == NODE_FRESH ? 0 : cost,
		};
	}
	if (jobs == 0 && run->jobserver)
		jobs = len;
	if (jobs == 0)
		jobs = thread_processors();
	/* Each of several builders should get as many jobs as it takes. */
	if (run->options->jobs == 0 && !run->jobserver && run_shares(run))
		jobs += builders_jobs(run);
	return sched_new(nodes, len, jobs, run->options->keep_going);
}

static int exit_status(const struct run *run)
{
	if (run->signum)
		return 128 + (run->signum == SIGHUP ? SIGTERM : run->signum);
	return run->status;
}

static int run_loop(struct run *run, struct error **err)
{
	struct error *error = NULL;

	if (run->options->ticks) {
		loop_ticker(run->env.loop, TICK_MS, run_on_tick, run);
		if (loop_on_resize(run->env.loop, on_resize, run, err) < 0)
			return -1;
	}
	run_pump(run);
	if (loop_run(run->env.loop, err) < 0)
		return -1;
	if (source_save(run->env.source, &error) < 0 && !run->error)
		error_move(&run->error, &error);
	error_free(error);
	return run->error ? error_move(err, &run->error) : 0;
}

static int begin_history(struct run *run, struct error **err)
{
	cleanup_buf struct buf text = { 0 };
	struct run_plan plan = { .nodes = plan_len(run->plan) };

	for (size_t i = 0; i < plan.nodes; i++)
		plan.builds += plan_node(run->plan, i)->kind == NODE_BUILD;
	plan_json(run->plan, false, &text);
	plan.text = text.data;
	if (state_run_begin(run->env.state, run->options->command, &plan, &run->id, err) < 0)
		return -1;
	run->env.run = run->id;
	return 0;
}

static bool run_is_cancelled(void *loop)
{
	return loop_cancelled(loop);
}

/* Images in the engine that this run has replaced. That they stay is no failure of the run. */
static void discard_replaced(struct run *run)
{
	cleanup_free const char **nodes = mem_array(plan_len(run->plan) + 1, sizeof(*nodes));
	size_t len = 0;

	for (size_t i = 0; i < plan_len(run->plan); i++)
		if (run->begun_ms[i] > 0)
			nodes[len++] = plan_node(run->plan, i)->id;
	if (run->env.runtime && !run->signum)
		former_replaced(run->env.state, run->env.runtime, nodes, len, NULL);
}

static int run_all(struct run *run, struct error **err)
{
	cleanup_fd int gate = -1;

	open_jobserver(run);
	run->sched = make_sched(run);
	run->begun_ms = mem_array(plan_len(run->plan) + 1, sizeof(*run->begun_ms));
	/* Before we handle signals, so that waiting can be interrupted. */
	if (run_gate(run->options->state_dir, &gate, err) < 0 ||
	    loop_signals(run->env.loop, run_on_signal, run, err) < 0 || begin_history(run, err) < 0 ||
	    make_folders(run, err) < 0)
		return -1;
	close(gate);
	gate = -1;
	if (run_open_tools(run, err) < 0)
		return -1;
	run->env.staging = run->stem;
	source_cancels(run->env.source, run_is_cancelled, run->env.loop);
	if (run_loop(run, err) < 0)
		return -1;
	discard_replaced(run);
	return 0;
}

static void run_close(struct run *run)
{
	fleet_free(run->env.fleet);
	tags_first_free(run->env.tags_first);
	convert_memory_free(run->env.packed);
	runtime_free(run->env.runtime);
	jobserver_free(run->jobserver);
	sched_free(run->sched);
	if (run->stem)
		fs_remove_tree(run->stem, NULL); /* if it cannot be removed now, the next run removes it */
	proc_journal_close(run->env.loop);
	if (run->lock_fd >= 0) {
		unlink(run->lock_path);
		close(run->lock_fd);
	}
	error_free(run->error);
	free(run->begun_ms);
	free(run->stem);
	free(run->lock_path);
	free(run->logs);
	if (run->logs_fd >= 0)
		close(run->logs_fd);
}

int run_plan(struct plan *plan, struct loop *loop, struct state *state, struct layout *layout, struct source *source,
	     const struct run_options *options, int *ret_status, bool *ret_outdated, struct error **err)
{
	struct run run = {
		.env = { .loop = loop,
			 .state = state,
			 .plan = plan,
			 .layout = layout,
			 .source = source,
			 .registry = options->registry,
			 .logins = options->logins,
			 .bases = options->bases,
			 .held = options->held,
			 .others = options->others,
			 .signer = options->signer,
			 .urls = options->urls,
			 .pull = options->pull,
			 .anew = options->anew,
			 .take_results = options->take_results,
			 .give_results = options->give_results,
			 .note = run_note,
			 .state_dir = options->state_dir },
		.plan = plan,
		.options = options,
		.lock_fd = -1,
		.logs_fd = -1,
		.start_ms = loop_now_ms(),
	};
	size_t stale = run_stale(&run, NODE_PREPARE, NODE_TAG);
	struct error *error = NULL;
	int r;

	*ret_status = 0;
	*ret_outdated = false;
	if (stale == 0)
		return 0;
	if (!options->keep_going)
		run.env.tags_first = tags_first_new();
	run_emit(&run, &(struct event){ .kind = EVENT_RUN_START, .nodes = plan_len(plan), .stale = stale });
	r = run_all(&run, &error);
	if (r < 0 && run.signum) {
		error_free(steal_ptr(error)); /* from asking a tool, which was interrupted */
		r = 0;
	}
	*ret_status = r < 0 ? (int)error->cls : exit_status(&run);
	*ret_outdated = r == 0 && run.outdated && !run.failed && !run.signum;
	if (run.id && state_run_end(state, run.id, *ret_status, r < 0 ? NULL : &error) < 0 && r == 0)
		r = -1;
	run_emit(&run,
		 &(struct event){ .kind = EVENT_RUN_END, .status = *ret_status, .took_ms = loop_now_ms() - run.start_ms });
	run_close(&run);
	return r < 0 ? error_move(err, &error) : 0;
}
