#include "config.h"

#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/error.h"
#include "base/fs.h"
#include "base/mem.h"
#include "dsl/manifest.h"
#include "engine/builder/builder.h"
#include "engine/exec/event.h"
#include "engine/exec/fleet.h"
#include "engine/exec/sched.h"
#include "engine/exec/task.h"
#include "engine/exec/wave.h"
#include "engine/io/jobserver.h"
#include "engine/io/loop.h"
#include "engine/plan/json.h"
#include "engine/runtime/runtime.h"
#include "engine/source/context.h"
#include "engine/state/state.h"

#define TICK_MS 100
#define COST_UNKNOWN_MS 1000 /* of a node that never ran */
#define LOCK_PAUSE_MS 20     /* between two tries to lock the run's own file, which a sweep may hold */
#define LOCK_WAIT_MS 60000

struct run {
	struct task_env env;
	const struct run_options *options;
	struct sched *sched;
	struct jobserver *jobserver; /* of the make that runs us, or NULL */
	int64_t id;                  /* in the history; 0 before it was begun */
	uint64_t start_ms;
	uint64_t *begun_ms; /* of each node that was started */
	char *stem;         /* .cbuild/run/<id>: the owner of what this run makes */
	char *lock_path;
	int lock_fd;
	char *logs;          /* folder */
	int signum;          /* that interrupted it, or 0 */
	struct error *error; /* what stops the run itself */
	int status;          /* of the first failure */
};

static void emit(struct run *run, const struct event *event)
{
	run->options->sink->event(run->options->sink->data, event);
}

/* Stops the run for a fault of its own (state, disk): what is running ends, nothing starts. */
static void stop_run(struct run *run, struct error **error)
{
	error_move(run->error ? NULL : &run->error, error);
	sched_stop(run->sched);
}

static void pump(struct run *run);

static void run_note(void *owner, const char *text)
{
	emit(owner, &(struct event){ .kind = EVENT_NOTE, .text = text });
}

static void node_ended(struct run *run, size_t number, enum outcome outcome, const struct task *task)
{
	static const char *const names[] = { "done", "fresh", "reused", "failed", "skipped", "cancelled" };
	const struct node *node = plan_node(run->env.plan, number);
	uint64_t took = task ? loop_now_ms() - task->start_ms : 0;
	struct error *error = NULL;

	emit(run, &(struct event){
			  .kind = EVENT_NODE_DONE,
			  .node = node,
			  .outcome = outcome,
			  .text = task ? task->doubt : NULL,
			  .error = task ? task->error : NULL,
			  .log = task ? task->log : NULL,
			  .took_ms = took,
		  });
	if (task && state_run_node(run->env.state, run->id, node->id, names[outcome], task->start_unix_ms,
				   (int64_t)took, task->log, &error) < 0)
		stop_run(run, &error);
}

static void node_skipped(void *data, size_t number)
{
	node_ended(data, number, OUTCOME_SKIPPED, NULL);
}

static void take_failure(struct run *run, const struct error *error)
{
	if (run->status == 0)
		run->status = (int)error->cls;
}

static void task_succeeded(struct run *run, struct task *task)
{
	struct error *error = NULL;

	plan_set_result(run->env.plan, task->number,
			&(struct result){
				.identity = task->identity,
				.digest = task->digest,
				.place = task->place,
				.detail = task->detail,
				.size = task->size,
			});
	if (!task->reused && !task->doubt && task_record(task, &error) < 0)
		stop_run(run, &error);
	node_ended(run, task->number, task->reused ? OUTCOME_REUSED : OUTCOME_DONE, task);
	sched_done(run->sched, task->number);
}

/* The log says why, too: what a child printed does not, or there was none. Of a message that quotes the log, the first
 * line is enough. */
static void log_failure(struct task *task)
{
	const char *message = task->error->message;
	bool empty = lseek(task->log_fd, 0, SEEK_END) == 0;
	cleanup_free char *text =
		mem_printf("cbuild: %.*s\n", empty ? (int)strlen(message) : (int)strcspn(message, "\n"), message);

	/* When the log cannot be written, the report of the run still says it. */
	fs_write_all(task->log_fd, text, strlen(text), task->log, NULL);
}

static void task_failed(struct run *run, struct task *task)
{
	bool cancelled = task->error->cls == ERROR_CANCELLED || loop_cancelled(run->env.loop);

	if (!cancelled) {
		take_failure(run, task->error);
		log_failure(task);
	}
	node_ended(run, task->number, cancelled ? OUTCOME_CANCELLED : OUTCOME_FAILED, task);
	sched_failed(run->sched, task->number, node_skipped, run);
}

/* On the loop's thread. */
static void task_done(void *arg)
{
	struct task *task = arg;
	struct run *run = task->owner;

	if (task->error)
		task_failed(run, task);
	else
		task_succeeded(run, task);
	if (task->holds)
		fleet_give_back(run->env.fleet, task->builder);
	task_free(task);
	pump(run);
}

static void task_line(void *data, const char *line, size_t len)
{
	struct task *task = data;

	emit(task->owner, &(struct event){ .kind = EVENT_NODE_LINE, .node = task->node, .text = line, .len = len });
}

static void task_progress(void *data, const struct progress *progress)
{
	struct task *task = data;

	emit(task->owner, &(struct event){ .kind = EVENT_NODE_STEP, .node = task->node, .progress = progress });
}

static int start_task(struct run *run, size_t number, struct builder *builder, struct wave *wave, struct error **err)
{
	const struct output output = { .line = task_line, .progress = task_progress };
	struct task *task;

	if (task_new(&run->env, number, run->logs, &output, run, &task, err) < 0)
		return -1;
	task->builder = builder;
	task->holds = builder && !wave;
	if (wave) {
		wave_join(wave);
		task->wave = wave;
	}
	if (loop_task(run->env.loop, task_work, task_done, task, err) < 0) {
		task_free(task);
		return -1;
	}
	run->begun_ms[number] = task->start_ms;
	emit(run, &(struct event){
			  .kind = EVENT_NODE_START,
			  .node = task->node,
			  .log = task->log,
			  .slot = sched_slot(run->sched, number),
		  });
	return 0;
}

/* Decides the node now that what it needs has results. *ret_stale: it must run; otherwise it has ended. */
static int decide_node(struct run *run, size_t number, bool *ret_stale, struct error **err)
{
	struct node *node = plan_node(run->env.plan, number);
	bool was_fresh = node->state == NODE_FRESH;
	int r = 0;

	if (!node->key[0]) {
		pthread_mutex_lock(&run->env.source_lock);
		r = plan_decide(run->env.plan, number, err);
		pthread_mutex_unlock(&run->env.source_lock);
	}
	if (r < 0)
		return -1;
	*ret_stale = node->state != NODE_FRESH;
	if (*ret_stale)
		return 0;
	if (!was_fresh)
		node_ended(run, number, OUTCOME_FRESH, NULL);
	sched_done(run->sched, number);
	return 0;
}

/* A node that could not be started. */
static void start_failed(struct run *run, size_t number, struct error *error)
{
	take_failure(run, error);
	emit(run, &(struct event){ .kind = EVENT_NODE_DONE,
				   .node = plan_node(run->env.plan, number),
				   .outcome = OUTCOME_FAILED,
				   .error = error });
	error_free(error);
	sched_failed(run->sched, number, node_skipped, run);
}

static bool is_build(void *data, size_t number)
{
	const struct run *run = data;

	return plan_node(run->env.plan, number)->kind == NODE_BUILD;
}

/* What decides whether a further build goes with one that is started. */
struct company {
	struct run *run;
	const struct builder *builder;
};

static bool goes_with(void *data, size_t number)
{
	const struct company *company = data;
	struct run *run = company->run;

	return is_build(run, number) &&
	       fleet_suits(run->env.fleet, company->builder, &plan_node(run->env.plan, number)->platform);
}

/* A wave and the place that it has with its builder. */
struct wave_place {
	struct run *run;
	struct wave *wave;
	struct builder *builder;
};

static void wave_place_work(void *arg)
{
	wave_work(((struct wave_place *)arg)->wave);
}

static void wave_place_done(void *arg)
{
	struct wave_place *place = arg;
	struct run *run = place->run;

	fleet_give_back(run->env.fleet, place->builder);
	wave_free(place->wave);
	free(place);
	pump(run);
}

static int open_wave(struct run *run, struct builder *builder, size_t max, struct wave **ret, struct error **err)
{
	struct wave_place *place = mem_alloc(sizeof(*place));

	*place = (struct wave_place){ run, wave_new(builder, max, run->options->keep_going), builder };
	*ret = place->wave;
	if (loop_task(run->env.loop, wave_place_work, wave_place_done, place, err) == 0)
		return 0;
	wave_close(place->wave);
	wave_free(place->wave);
	free(place);
	return -1;
}

/* Starts the build with others that are ready, in one slot: the builder takes them together. `share`: how many percent. */
static int start_wave(struct run *run, size_t first, struct builder *builder, unsigned share, struct error **err)
{
	struct company company = { run, builder };
	size_t ready = sched_count(run->sched, goes_with, &company) + 1;
	size_t max = builder_info(builder)->batch, members = 1, number;
	struct wave *wave;
	int r;

	ready = (ready * share + 99) / 100;
	max = ready < max ? ready : max;
	if (open_wave(run, builder, max, &wave, err) < 0)
		return -1;
	r = start_task(run, first, builder, wave, err);
	while (r == 0 && members < max && sched_join(run->sched, first, goes_with, &company, &number)) {
		struct error *error = NULL;
		bool stale = false;

		if (decide_node(run, number, &stale, &error) < 0 ||
		    (stale && start_task(run, number, builder, wave, &error) < 0))
			start_failed(run, number, error);
		else
			members += stale;
	}
	wave_close(wave);
	return r;
}

static int start_build(struct run *run, size_t number, struct error **err)
{
	struct builder *builder;
	unsigned share;
	int r;

	if (fleet_take(run->env.fleet, &plan_node(run->env.plan, number)->platform, &builder, &share, err) < 0)
		return -1;
	if (builder_info(builder)->batch > 1)
		r = start_wave(run, number, builder, share, err);
	else
		r = start_task(run, number, builder, NULL, err);
	if (r < 0)
		fleet_give_back(run->env.fleet, builder);
	return r;
}

static int start_node(struct run *run, size_t number, struct error **err)
{
	bool stale = false;

	if (decide_node(run, number, &stale, err) < 0)
		return -1;
	if (!stale)
		return 0;
	return is_build(run, number) ? start_build(run, number, err) : start_task(run, number, NULL, NULL, err);
}

/* A build waits until its builder has room; one that is fresh needs none. */
static bool can_start(void *data, size_t number)
{
	struct run *run = data;
	const struct node *node = plan_node(run->env.plan, number);

	return node->kind != NODE_BUILD || node->state == NODE_FRESH || fleet_has_room(run->env.fleet, &node->platform);
}

/* -l: a node that runs already goes on, the next one waits for it to end. */
static bool load_allows(const struct run *run)
{
	double load;

	return run->options->max_load <= 0 || sched_running(run->sched) == 0 || getloadavg(&load, 1) < 1 ||
	       load <= run->options->max_load;
}

static void on_slot(void *arg)
{
	pump(arg);
}

/* Under a make, every node beside the first takes one of make's slots. */
static bool slot_allows(struct run *run)
{
	if (!run->jobserver || !sched_ready(run->sched) ||
	    jobserver_held(run->jobserver) >= sched_running(run->sched) || jobserver_take(run->jobserver))
		return true;
	jobserver_wait(run->jobserver, on_slot, run);
	return false;
}

static void give_slots_back(struct run *run)
{
	size_t running = sched_running(run->sched);

	if (run->jobserver)
		jobserver_keep(run->jobserver, running > 0 ? running - 1 : 0);
}

static void pump(struct run *run)
{
	size_t number;

	while (!loop_cancelled(run->env.loop) && load_allows(run) && slot_allows(run) &&
	       sched_next(run->sched, can_start, run, &number)) {
		struct error *error = NULL;

		if (start_node(run, number, &error) < 0)
			start_failed(run, number, error);
	}
	if (loop_cancelled(run->env.loop))
		sched_stop(run->sched);
	give_slots_back(run);
	if (sched_finished(run->sched))
		loop_stop(run->env.loop);
}

static void on_signal(void *arg, int signum)
{
	struct run *run = arg;

	if (!run->signum)
		run->signum = signum;
	loop_cancel(run->env.loop);
	pump(run);
}

/* From what each node took the last time. Nothing can be said while a build is ahead that never ran. */
static uint64_t remaining_ms(const struct run *run)
{
	size_t len = plan_len(run->env.plan);
	cleanup_free uint64_t *spent = mem_array(len + 1, sizeof(*spent));

	for (size_t i = 0; i < len; i++) {
		const struct node *node = plan_node(run->env.plan, i);
		enum sched_state state = sched_state(run->sched, i);
		bool ahead = state == SCHED_WAITING || state == SCHED_READY || state == SCHED_RUNNING;

		if (ahead && node->kind <= NODE_BUILD && node->state != NODE_FRESH && node->took_ms == 0)
			return UNKNOWN_MS;
		if (state == SCHED_RUNNING)
			spent[i] = loop_now_ms() - run->begun_ms[i];
	}
	return sched_remaining(run->sched, spent);
}

static void on_tick(void *arg)
{
	emit(arg, &(struct event){ .kind = EVENT_TICK, .remaining_ms = remaining_ms(arg) });
}

static void on_resize(void *arg)
{
	emit(arg, &(struct event){ .kind = EVENT_RESIZE });
}

static size_t count_stale(struct plan *plan, enum node_kind from, enum node_kind to)
{
	size_t stale = 0;

	for (size_t i = 0; i < plan_len(plan); i++) {
		const struct node *node = plan_node(plan, i);

		stale += node->state != NODE_FRESH && node->kind >= from && node->kind <= to;
	}
	return stale;
}

/* The file is there a moment before it is locked: another cbuild that sweeps may have taken it for one of a killed run.
 * It lets go of it when it has looked. */
static int lock_run(struct run *run, struct error **err)
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

static int make_folders(struct run *run, struct error **err)
{
	const char *const names[] = { "run", "locks", "logs" };

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		cleanup_free char *path = path_join(run->options->state_dir, names[i]);

		if (fs_mkdirs(path, 0755, err) < 0)
			return -1;
	}
	run->stem = mem_printf("%s/run/%lld", run->options->state_dir, (long long)run->id);
	run->lock_path = mem_printf("%s.lock", run->stem);
	run->logs = mem_printf("%s/logs/%lld", run->options->state_dir, (long long)run->id);
	if (lock_run(run, err) < 0)
		return -1;
	return fs_mkdirs(run->stem, 0700, err) < 0 || fs_mkdirs(run->logs, 0755, err) < 0 ? -1 : 0;
}

static int remember(struct run *run, const char *fact, const char *value, struct error **err)
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
	       !(info->place && strcmp(place, info->place) == 0);
}

/* What was kept in a storage that this builder does not read is built again; what stands on it is decided anew: its key
 * holds a result that may come out as another one. */
static int doubt_kept(struct run *run, const struct builder_info *info, struct error **err)
{
	size_t len = plan_len(run->env.plan);
	cleanup_free bool *doubted = mem_array(len + 1, sizeof(*doubted));

	for (size_t i = 0; i < len; i++) {
		struct node *node = plan_node(run->env.plan, i);
		bool again = false;

		if (kept_elsewhere(node, info)) {
			doubted[i] = true;
			node->state = NODE_STALE;
			node->result = (struct result){ 0 };
			node_reason(node, REASON_MISSING, "its image where this builder can read it", "gone");
			continue;
		}
		for (size_t j = 0; j < node->needs_len; j++)
			again = again || doubted[node->needs[j]];
		if (again && plan_decide(run->env.plan, i, err) < 0)
			return -1;
		doubted[i] = again && node->state != NODE_FRESH;
	}
	return 0;
}

/* True when the one that was only preferred (used last, or hinted at) cannot be used: another one is looked for, and the
 * reason is told. */
static bool give_up(struct run *run, const char *name, bool preferred, struct error **error)
{
	cleanup_free char *note = NULL;

	if (!name || !preferred || ((*error)->cls != ERROR_TOOL && (*error)->cls != ERROR_USAGE))
		return false;
	note = mem_printf("%s cannot be used now: %s", name, (*error)->message);
	emit(run, &(struct event){ .kind = EVENT_NOTE, .text = note });
	error_free(steal_ptr(*error));
	return true;
}

/* The manifest's builder of that name, or NULL. */
static const struct manifest_builder *find_spec(const struct run *run, const char *name)
{
	const struct manifest *manifest = plan_manifest(run->env.plan);

	for (size_t i = 0; name && i < manifest->builders_len; i++)
		if (strcmp(manifest->builders[i].name.s, name) == 0)
			return &manifest->builders[i];
	return NULL;
}

static int find_builder(struct run *run, struct builder **ret, struct error **err)
{
	const struct run_options *options = run->options;
	const struct manifest_builder *spec = find_spec(run, options->builder);
	struct error *error = NULL;

	if (spec && !options->builder_preferred)
		return fleet_open_one(spec, run->env.loop, run->env.state, run->env.layout, ret, err);
	if (builder_open(options->builder, run->env.loop, run->env.state, run->env.layout, ret, &error) == 0)
		return 0;
	if (!give_up(run, options->builder, options->builder_preferred, &error))
		return error_move(err, &error);
	return builder_open(NULL, run->env.loop, run->env.state, run->env.layout, ret, err);
}

static int open_one_builder(struct run *run, struct error **err)
{
	const struct builder_info *info;
	cleanup_free char *note = NULL;
	struct builder *builder;

	if (find_builder(run, &builder, err) < 0)
		return -1;
	run->env.fleet = fleet_of_one(builder);
	info = builder_info(builder);
	if (doubt_kept(run, info, err) < 0)
		return -1;
	note = mem_printf("building with %s %s", info->name, info->version);
	emit(run, &(struct event){ .kind = EVENT_NOTE, .text = note });
	return remember(run, "builder", info->name, err);
}

static void left_out(void *data, const char *name, const struct error *why)
{
	cleanup_free char *note = mem_printf("the builder %s is left out: %s", name, why->message);

	emit(data, &(struct event){ .kind = EVENT_NOTE, .text = note });
}

/* What may have to be built must have a builder before anything is. */
static int check_platforms(struct run *run, struct error **err)
{
	for (size_t i = 0; i < plan_len(run->env.plan); i++) {
		const struct node *node = plan_node(run->env.plan, i);

		if (node->kind == NODE_BUILD && node->state != NODE_FRESH &&
		    fleet_check(run->env.fleet, &node->platform, err) < 0)
			return -1;
	}
	return 0;
}

/* Those of the manifest share the builds, when none is asked for by name. What was kept in the storage of one of them the
 * others cannot read. */
static int open_fleet(struct run *run, struct error **err)
{
	const struct manifest *manifest = plan_manifest(run->env.plan);
	const struct builder_info nobody = { 0 };
	cleanup_free char *note = mem_printf("building with the manifest's %zu builders", manifest->builders_len);

	if (fleet_open(manifest, run->env.loop, run->env.state, run->env.layout, left_out, run, &run->env.fleet, err) < 0)
		return -1;
	if (doubt_kept(run, &nobody, err) < 0 || check_platforms(run, err) < 0)
		return -1;
	emit(run, &(struct event){ .kind = EVENT_NOTE, .text = note });
	return 0;
}

static bool shares(const struct run *run)
{
	const struct run_options *options = run->options;

	return plan_manifest(run->env.plan)->builders_len > 0 && (!options->builder || options->builder_preferred);
}

static int open_builder(struct run *run, struct error **err)
{
	return shares(run) ? open_fleet(run, err) : open_one_builder(run, err);
}

/* An engine that goes with the builder: what docker built is in docker. */
static const char *runtime_for(const struct run *run)
{
	const char *builder = run->options->builder;

	if (run->options->runtime)
		return run->options->runtime;
	if (builder && !run->options->builder_preferred && strncmp(builder, "docker", 6) == 0)
		return "docker";
	return NULL;
}

static int find_runtime(struct run *run, struct error **err)
{
	const char *name = runtime_for(run);
	struct task_env *env = &run->env;
	struct error *error = NULL;

	if (runtime_open(name, run->stem, env->loop, env->state, env->layout, &env->runtime, &error) == 0)
		return 0;
	if (!give_up(run, name, run->options->runtime_preferred, &error))
		return error_move(err, &error);
	return runtime_open(NULL, run->stem, env->loop, env->state, env->layout, &env->runtime, err);
}

static int open_runtime(struct run *run, struct error **err)
{
	if (find_runtime(run, err) < 0)
		return -1;
	return remember(run, "runtime", runtime_name(run->env.runtime), err);
}

static int open_tools(struct run *run, struct error **err)
{
	cleanup_free char *children = mem_printf("%s.children", run->stem);

	if (proc_journal(run->env.loop, children, err) < 0)
		return -1;
	if (count_stale(run->env.plan, NODE_BUILD, NODE_BUILD) > 0 && open_builder(run, err) < 0)
		return -1;
	if (count_stale(run->env.plan, NODE_LOAD, NODE_VERIFY) > 0 && open_runtime(run, err) < 0)
		return -1;
	return 0;
}

/* A -j of our own is what was asked for, as with make itself. */
static void open_jobserver(struct run *run)
{
	const char *why = NULL;

	if (run->options->jobs > 0)
		return;
	run->jobserver = jobserver_open(run->env.loop, run->options->makeflags, &why);
	if (why)
		emit(run, &(struct event){ .kind = EVENT_NOTE, .text = why });
}

static size_t builders_jobs(const struct run *run)
{
	const struct manifest *manifest = plan_manifest(run->env.plan);
	size_t jobs = 0;

	for (size_t i = 0; i < manifest->builders_len; i++)
		jobs += manifest->builders[i].jobs;
	return jobs;
}

static struct sched *make_sched(const struct run *run)
{
	size_t len = plan_len(run->env.plan);
	cleanup_free struct sched_node *nodes = mem_array(len + 1, sizeof(*nodes));
	long processors = sysconf(_SC_NPROCESSORS_ONLN);
	size_t jobs = run->options->jobs;

	for (size_t i = 0; i < len; i++) {
		const struct node *node = plan_node(run->env.plan, i);
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
		jobs = processors > 0 ? (size_t)processors : 1;
	/* Each builder of several is to have what it takes. */
	if (run->options->jobs == 0 && !run->jobserver && shares(run))
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
		loop_ticker(run->env.loop, TICK_MS, on_tick, run);
		if (loop_on_resize(run->env.loop, on_resize, run, err) < 0)
			return -1;
	}
	pump(run);
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
	struct run_plan plan = { .nodes = plan_len(run->env.plan) };

	for (size_t i = 0; i < plan.nodes; i++)
		plan.builds += plan_node(run->env.plan, i)->kind == NODE_BUILD;
	plan_json(run->env.plan, false, &text);
	plan.text = text.data;
	return state_run_begin(run->env.state, run->options->command, &plan, &run->id, err);
}

static int run_all(struct run *run, struct error **err)
{
	cleanup_fd int gate = -1;

	open_jobserver(run);
	run->sched = make_sched(run);
	run->begun_ms = mem_array(plan_len(run->env.plan) + 1, sizeof(*run->begun_ms));
	/* Before signals are ours: waiting can be interrupted. */
	if (run_gate(run->options->state_dir, &gate, err) < 0 || loop_signals(run->env.loop, on_signal, run, err) < 0 ||
	    begin_history(run, err) < 0 || make_folders(run, err) < 0)
		return -1;
	close(gate);
	gate = -1;
	if (open_tools(run, err) < 0)
		return -1;
	run->env.staging = run->stem;
	return run_loop(run, err);
}

static void run_close(struct run *run)
{
	fleet_free(run->env.fleet);
	runtime_free(run->env.runtime);
	jobserver_free(run->jobserver);
	sched_free(run->sched);
	if (run->stem)
		fs_remove_tree(run->stem, NULL); /* swept by the next run when it cannot be removed now */
	if (run->lock_fd >= 0) {
		unlink(run->lock_path);
		close(run->lock_fd);
	}
	pthread_mutex_destroy(&run->env.source_lock);
	error_free(run->error);
	free(run->begun_ms);
	free(run->stem);
	free(run->lock_path);
	free(run->logs);
}

int run_plan(struct plan *plan, struct loop *loop, struct state *state, struct layout *layout, struct source *source,
	     const struct run_options *options, int *ret_status, struct error **err)
{
	struct run run = {
		.env = { .loop = loop,
			 .state = state,
			 .plan = plan,
			 .layout = layout,
			 .source = source,
			 .registry = options->registry,
			 .note = run_note,
			 .state_dir = options->state_dir },
		.options = options,
		.lock_fd = -1,
		.start_ms = loop_now_ms(),
	};
	size_t stale = count_stale(plan, NODE_PREPARE, NODE_TAG);
	struct error *error = NULL;
	int r;

	*ret_status = 0;
	if (stale == 0)
		return 0;
	pthread_mutex_init(&run.env.source_lock, NULL);
	emit(&run, &(struct event){ .kind = EVENT_RUN_START, .nodes = plan_len(plan), .stale = stale });
	r = run_all(&run, &error);
	if (r < 0 && run.signum) {
		error_free(steal_ptr(error)); /* of asking a tool, which was interrupted */
		r = 0;
	}
	*ret_status = r < 0 ? (int)error->cls : exit_status(&run);
	if (run.id && state_run_end(state, run.id, *ret_status, r < 0 ? NULL : &error) < 0 && r == 0)
		r = -1;
	emit(&run,
	     &(struct event){ .kind = EVENT_RUN_END, .status = *ret_status, .took_ms = loop_now_ms() - run.start_ms });
	run_close(&run);
	return r < 0 ? error_move(err, &error) : 0;
}
