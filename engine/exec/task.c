#include "config.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/clock.h"
#include "base/error.h"
#include "base/fs.h"
#include "base/mem.h"
#include "base/table.h"
#include "engine/builder/builder.h"
#include "engine/builder/step_times.h"
#include "engine/exec/event.h"
#include "engine/exec/fleet.h"
#include "engine/exec/task.h"
#include "engine/io/loop.h"
#include "engine/plan/inputs.h"
#include "engine/state/state.h"

#define LOCK_PAUSE_MAX_MS 200 /* while another cbuild works on the same node */

static int open_log(struct task *task, const char *logs, int logs_fd, struct error **err)
{
	cleanup_free char *name = mem_printf("%s.log", task->node->id);

	for (char *c = name; *c; c++) {
		if (*c == ':' || *c == '/')
			*c = '-';
	}
	task->log = path_join(logs, name);
	return fs_append_at(logs_fd, name, 0644, task->log, &task->log_fd, err);
}

int task_new(struct task_env *env, size_t number, const char *logs, int logs_fd, const struct output *output,
	     void *owner, struct task **ret, struct error **err)
{
	struct task *task = mem_alloc(sizeof(*task));

	*task = (struct task){
		.env = env,
		.owner = owner,
		.number = number,
		.node = plan_node(env->plan, number),
		.log_fd = -1,
		.logs_fd = logs_fd,
		.lock_fd = -1,
		.start_ms = loop_now_ms(),
		.start_unix_ms = clock_unix_ms(),
		.steps = plan_node(env->plan, number)->kind == NODE_BUILD ? step_times_new() : NULL,
	};
	if (open_log(task, logs, logs_fd, err) < 0) {
		task_free(task);
		return -1;
	}
	task->output = *output;
	task->output.log_fd = task->log_fd;
	task->output.data = task;
	task->output.times = task->steps;
	*ret = task;
	return 0;
}

/* A result kept in another builder's storage is useless for this one. */
static bool readable(const struct task *task, const struct record *record)
{
	const char *own = task->builder && !fleet_shares(task->env->fleet) ? builder_info(task->builder)->place : NULL;

	return task->node->kind != NODE_BUILD || strcmp(record->place, "store") == 0 ||
	       (own && strcmp(record->place, own) == 0);
}

/* Since the node was decided, another cbuild may have written a record. The one that existed then does not count:
 * the node is stale in spite of it. */
static int find_made_elsewhere(struct task *task, struct error **err)
{
	cleanup_record struct record *record = NULL;

	if (state_find(task->env->state, task->node->id, task->node->key, &record, err) < 0)
		return -1;
	task->reused = record && record->when_ms != task->node->recorded_ms && readable(task, record);
	if (!task->reused)
		return 0;
	task->identity = steal_ptr(record->identity);
	task->digest = steal_ptr(record->digest);
	task->place = steal_ptr(record->place);
	task->detail = steal_ptr(record->detail);
	task->size = record->size;
	return 0;
}

/* Ensures that a node is built once: each has a lock file, held until its record is written. flock has no timeout,
 * so poll a lock that is held, with growing pauses that a cancel ends. */
static int take_lock(struct task *task, struct error **err)
{
	char hex[HASH_HEX + 1];
	cleanup_free char *path = NULL;
	unsigned pause = 10;

	hash_hex(hash_bytes(task->node->id, strlen(task->node->id)), hex);
	path = mem_printf("%s/locks/%s", task->env->state_dir, hex);
	for (;;) {
		if (fs_lock(path, false, &task->lock_fd, err) < 0)
			return -1;
		if (task->lock_fd >= 0)
			return 0;
		if (loop_pause(task->env->loop, pause, err) < 0)
			return -1;
		pause = pause * 2 < LOCK_PAUSE_MAX_MS ? pause * 2 : LOCK_PAUSE_MAX_MS;
	}
}

static bool task_records(const struct task *task)
{
	return !task->reused && !task->doubt && !task->passing;
}

/* The inputs to store with the record. */
static int take_inputs(struct task *task, struct error **err)
{
	struct inputs *inputs;

	if (!task_records(task))
		return 0;
	if (plan_inputs(task->env->plan, task->number, &inputs, err) < 0)
		return -1;
	inputs_text(inputs, &task->inputs);
	inputs_free(inputs);
	return 0;
}

static int do_work(struct task *task, struct error **err)
{
	static int (*const work[])(struct task *, struct error **) = { task_prepare, task_build, task_output, task_convert, task_index, task_load, task_verify, task_push, task_tag };
	TABLE_COMPLETE(work, NODE_KINDS);

	if (take_lock(task, err) < 0 || find_made_elsewhere(task, err) < 0)
		return -1;
	if (task->reused)
		return 0;
	return work[task->node->kind](task, err) < 0 ? -1 : take_inputs(task, err);
}

void task_free(struct task *task)
{
	if (task->log_fd >= 0)
		close(task->log_fd);
	if (task->lock_fd >= 0)
		close(task->lock_fd);
	fleet_give_back(task->seat);
	error_free(task->error);
	error_free(task->unkept);
	step_times_free(task->steps);
	free(task->staging);
	free(task->log);
	free(task->identity);
	free(task->digest);
	free(task->place);
	free(task->detail);
	free(task->doubt);
	buf_free(&task->inputs);
	free(task);
}

static int task_record(struct task *task, struct error **err)
{
	const struct builder_info *info = task->builder ? builder_info(task->builder) : NULL;
	cleanup_free char *builder = info ? mem_printf("%s %s", info->name, info->version) : NULL;
	struct record record = {
		.node = (char *)task->node->id,
		.identity = task->identity,
		.digest = task->digest,
		.place = task->place,
		.builder = task->node->kind == NODE_BUILD ? builder : NULL,
		.detail = task->detail,
		.size = task->size,
		.when_ms = clock_unix_ms(),
		.took_ms = (int64_t)task->took_ms,
	};

	memcpy(record.key, task->node->key, sizeof(record.key));
	return state_put(task->env->state, &record, task->inputs.data, task->inputs.len, err);
}

static enum outcome outcome_of(const struct task *task)
{
	if (!task->error)
		return task->reused || task->taken ? OUTCOME_REUSED : OUTCOME_DONE;
	if (task->error->cls == ERROR_CANCELLED || loop_cancelled(task->env->loop))
		return OUTCOME_CANCELLED;
	return task->env->anew && task->error->outdated ? OUTCOME_OUTDATED : OUTCOME_FAILED;
}

/* Beside the log, for `cbuild report`. */
static int keep_steps(struct task *task, struct error **err)
{
	cleanup_buf struct buf text = { 0 };
	cleanup_free char *path = mem_printf("%s" STATE_STEPS, task->log);
	cleanup_fd int fd = -1;

	step_times_json(task->steps, &text);
	if (text.len == 0)
		return 0;
	if (fs_append_at(task->logs_fd, path_base(path), 0644, path, &fd, err) < 0)
		return -1;
	return fs_write_all(fd, text.data, text.len, path, err);
}

/* Before anybody is told that the node has ended: the record, and its line in the history. */
static int keep_result(struct task *task, struct error **err)
{
	if ((!task->error && task_records(task) && task_record(task, err) < 0) || keep_steps(task, err) < 0)
		return -1;
	return state_run_node(task->env->state, task->env->run, task->node->id, outcome_name(task->outcome),
			      task->start_unix_ms, (int64_t)task->took_ms, task->log, err);
}

void task_work(void *arg)
{
	struct task *task = arg;

	if (do_work(task, &task->error) < 0 && !task->error)
		error_make(&task->error, ERROR_INTERNAL, "%s failed without a reason", task->node->id);
	if (task->staging)
		fs_remove_tree(task->staging, NULL); /* a leftover is removed by the next run */
	task->outcome = outcome_of(task);
	task->took_ms = loop_now_ms() - task->start_ms;
	keep_result(task, &task->unkept);
}
