#include "config.h"

#include <string.h>

#include "base/error.h"
#include "base/mem.h"
#include "base/ref.h"
#include "engine/exec/reuse.h"
#include "engine/exec/task.h"
#include "engine/registry/results.h"

/* The registry cache, while nodes run. */

/* Once a run. */
static void tell_error(struct task *task, atomic_bool *told, const char *what, struct error *error)
{
	if (error->cls != ERROR_CANCELLED && !atomic_exchange(told, true))
		task_tell(task, mem_printf("%s: %s %s", task->node->id, what, error->message));
	error_free(error);
}

int task_share_key(struct task *task, struct error **err)
{
	cleanup_free char *why = NULL;
	int r;

	if (!task->env->take_results && !task->env->give_results)
		return 0;
	task->asked = task->node->shared != NULL;
	if (task->asked) {
		memcpy(task->shared, task->node->shared, sizeof(task->shared));
		return 0;
	}
	r = plan_shared_key(task->env->plan, task->number, task->shared, &why, err);
	if (r <= 0)
		task->shared[0] = '\0';
	return r < 0 ? -1 : 0;
}

void task_take(struct task *task)
{
	struct shared_result found;
	struct error *error = NULL;
	uint64_t bytes;
	struct ref where;
	int r;

	if (atomic_load(&task->env->take_failed) || !reuse_where(task->env->plan, task->number, &where))
		return;
	r = results_find(task->env->registry, task->env->layout, &where, task->shared, &task->node->platform, &found,
			 &error);
	if (r > 0)
		r = results_fetch(task->env->registry, task->env->layout, &where, found.digest, &bytes, &error) < 0 ? -1
														    : 1;
	ref_free(&where);
	if (r < 0)
		tell_error(task, &task->env->take_failed, "not taken from the registry cache:", error);
	if (r <= 0)
		return;
	task->taken = true;
	task->identity = mem_strdup(found.identity);
	task->digest = mem_strdup(found.digest);
	task->place = mem_strdup("store");
	task->size = found.size;
	task_note(task, "taken from the registry cache: %s", task->shared);
}

void task_give(struct task *task)
{
	bool again = false;
	struct error *error = NULL;
	struct ref where;

	if (atomic_load(&task->env->give_failed) || strcmp(task->place, "store") != 0 ||
	    !reuse_where(task->env->plan, task->number, &where))
		return;
	for (size_t i = 0; i < task->node->reasons_len; i++)
		again |= task->node->reasons[i].kind == REASON_FORCED;
	if (results_put(task->env->registry, task->env->layout, &where, task->shared, &task->node->platform,
			task->digest, again, &error) < 0)
		tell_error(task, &task->env->give_failed, "not put into the registry cache:", error);
	ref_free(&where);
}
