#include "config.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/error.h"
#include "base/fs.h"
#include "base/mem.h"
#include "engine/builder/builder.h"
#include "engine/exec/event.h"
#include "engine/exec/fleet.h"
#include "engine/exec/renew_results.h"
#include "engine/exec/run_private.h"
#include "engine/exec/run_trace.h"
#include "engine/exec/sched.h"
#include "engine/io/jobserver.h"
#include "engine/io/loop.h"
#include "engine/state/state.h"

void run_emit(struct run *run, const struct event *event)
{
	run_trace_event(event);
	run->options->sink->event(run->options->sink->data, event);
}

/* Stops the run because of an internal error (state, disk): running nodes are ended, nothing starts. */
static void stop_run(struct run *run, struct error **error)
{
	error_move(run->error ? NULL : &run->error, error);
	sched_stop(run->sched);
}

void run_note(void *owner, const char *text)
{
	run_emit(owner, &(struct event){ .kind = EVENT_NOTE, .text = text });
}

static void node_ended(struct run *run, size_t number, enum outcome outcome, const struct task *task)
{
	run_emit(run, &(struct event){
			      .kind = EVENT_NODE_DONE,
			      .node = plan_node(run->plan, number),
			      .outcome = outcome,
			      .text = task ? task->doubt : NULL,
			      .error = task ? task->error : NULL,
			      .log = task ? task->log : NULL,
			      .took_ms = task ? task->took_ms : 0,
		      });
}

static void node_skipped(void *data, size_t number)
{
	node_ended(data, number, OUTCOME_SKIPPED, NULL);
}

static void take_failure(struct run *run, const struct error *error)
{
	if (run->options->anew && error->outdated)
		run->outdated = true;
	else
		run->failed = true;
	if (run->status == 0)
		run->status = (int)error->cls;
}

static void task_succeeded(struct run *run, struct task *task)
{
	node_ended(run, task->number, task->outcome, task);
	sched_done(run->sched, task->number);
}

/* Also write the error to the log: the child may not have printed it, or there was no child. If the message quotes
 * the log, its first line is enough. */
static void log_failure(struct task *task)
{
	const char *message = task->error->message;
	bool empty = lseek(task->log_fd, 0, SEEK_END) == 0;
	cleanup_free char *text =
		mem_printf("cbuild: %.*s\n", empty ? (int)strlen(message) : (int)strcspn(message, "\n"), message);

	/* If the log cannot be written, the report still shows the error. */
	fs_write_all(task->log_fd, text, strlen(text), task->log, NULL);
}

static void task_failed(struct run *run, struct task *task)
{
	if (task->outcome != OUTCOME_CANCELLED) {
		take_failure(run, task->error);
		log_failure(task);
	}
	node_ended(run, task->number, task->outcome, task);
	sched_failed(run->sched, task->number, node_skipped, run);
}

/* In the task's thread. */
static void run_task_work(void *arg)
{
	struct task *task = arg;
	struct run *run = task->owner;

	task_work(task);
	if (!task->error)
		plan_set_result(run->plan, task->number,
				&(struct result){
					.identity = task->identity,
					.digest = task->digest,
					.place = task->place,
					.detail = task->detail,
					.size = task->size,
				});
}

/* On the loop's thread. */
static void run_task_done(void *arg)
{
	struct task *task = arg;
	struct run *run = task->owner;

	if (task->unkept)
		stop_run(run, &task->unkept);
	if (task->error)
		task_failed(run, task);
	else
		task_succeeded(run, task);
	task_free(task);
	run_pump(run);
}

static void task_line(void *data, const char *line, size_t len)
{
	struct task *task = data;

	run_emit(task->owner, &(struct event){ .kind = EVENT_NODE_LINE, .node = task->node, .text = line, .len = len });
}

static void task_progress(void *data, const struct progress *progress)
{
	struct task *task = data;

	run_emit(task->owner, &(struct event){ .kind = EVENT_NODE_STEP, .node = task->node, .progress = progress });
}

/* `seat`: a build's place with a builder, which it takes over; NULL for other nodes. */
static int start_task(struct run *run, size_t number, struct fleet_seat *seat, struct error **err)
{
	const struct output output = { .line = task_line, .progress = task_progress };
	struct task *task;

	if (task_new(&run->env, number, run->logs, run->logs_fd, &output, run, &task, err) < 0) {
		fleet_give_back(seat);
		return -1;
	}
	task->seat = seat;
	if (seat)
		task->builder = fleet_builder(seat);
	if (loop_task(run->env.loop, run_task_work, run_task_done, task, err) < 0) {
		task_free(task);
		return -1;
	}
	run->begun_ms[number] = task->start_ms;
	run_emit(run, &(struct event){
			      .kind = EVENT_NODE_START,
			      .node = task->node,
			      .log = task->log,
			      .slot = sched_slot(run->sched, number),
		      });
	return 0;
}

/* A node that could not be started. */
static void start_failed(struct run *run, size_t number, struct error *error)
{
	take_failure(run, error);
	run_emit(run, &(struct event){ .kind = EVENT_NODE_DONE,
				       .node = plan_node(run->plan, number),
				       .outcome = OUTCOME_FAILED,
				       .error = error });
	error_free(error);
	sched_failed(run->sched, number, node_skipped, run);
}

/* A node whose dependencies have results now, and that is to be decided by them: it may have many files, and an engine may be asked. */
struct decision {
	struct run *run;
	size_t number;
	struct fleet_seat *seat; /* of a build, in case it is stale */
	struct error *error;
};

static void decide_work(void *arg)
{
	struct decision *decision = arg;
	struct run *run = decision->run;

	if (plan_decide(run->plan, decision->number, &decision->error) == 0)
		renew_results(run->plan, run->env.state, decision->number, 1, &decision->error);
}

/* True when it goes on: the node is stale. */
static bool decided(struct decision *decision)
{
	struct run *run = decision->run;
	const struct node *node = plan_node(run->plan, decision->number);

	if (decision->error) {
		start_failed(run, decision->number, steal_ptr(decision->error));
		return false;
	}
	run_trace_decision(node);
	if (node->state == NODE_FRESH) {
		node_ended(run, decision->number, OUTCOME_FRESH, NULL);
		sched_done(run->sched, decision->number);
		return false;
	}
	if (sched_stopped(run->sched)) {
		sched_put_back(run->sched, decision->number);
		return false;
	}
	return true;
}

static void decide_done(void *arg)
{
	struct decision *decision = arg;
	struct run *run = decision->run;
	struct error *error = NULL;

	if (!decided(decision))
		fleet_give_back(decision->seat);
	else if (start_task(run, decision->number, decision->seat, &error) < 0)
		start_failed(run, decision->number, error);
	free(decision);
	run_pump(run);
}

static int start_deciding(struct run *run, size_t number, struct fleet_seat *seat, struct error **err)
{
	struct decision *decision = mem_alloc(sizeof(*decision));

	*decision = (struct decision){ .run = run, .number = number, .seat = seat };
	if (loop_task(run->env.loop, decide_work, decide_done, decision, err) == 0)
		return 0;
	free(decision);
	fleet_give_back(seat);
	return -1;
}

static int start_node(struct run *run, size_t number, struct error **err)
{
	const struct node *node = plan_node(run->plan, number);
	const struct fleet_want want = task_want(run->plan, node);
	struct fleet_seat *seat = NULL;

	if (node->state == NODE_FRESH) {
		run_trace_decision(node);
		sched_done(run->sched, number);
		return 0;
	}
	if (node->kind == NODE_BUILD && fleet_take(run->env.fleet, &want, &seat, err) < 0)
		return -1;
	if (!node->key[0])
		return start_deciding(run, number, seat, err);
	run_trace_decision(node);
	return start_task(run, number, seat, err);
}

/* A build waits until a builder has room; a fresh one needs none. */
static bool can_start(void *data, size_t number)
{
	struct run *run = data;
	const struct node *node = plan_node(run->plan, number);
	const struct fleet_want want = task_want(run->plan, node);

	return node->kind != NODE_BUILD || node->state == NODE_FRESH || fleet_has_room(run->env.fleet, &want);
}

/* -l: one node may always run; further ones wait for the load to fall or for it to end. */
static bool load_allows(const struct run *run)
{
	double load;

	return run->options->max_load <= 0 || sched_running(run->sched) == 0 || getloadavg(&load, 1) < 1 ||
	       load <= run->options->max_load;
}

static void on_slot(void *arg)
{
	run_pump(arg);
}

/* Under make, every node besides the first takes one of make's slots. */
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

void run_pump(struct run *run)
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
