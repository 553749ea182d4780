#include "config.h"

#include <string.h>

#include "base/error.h"
#include "base/mem.h"
#include "engine/cache/cache.h"
#include "engine/cache/cache_run.h"
#include "engine/exec/task.h"

/* The registry cache during a run. */

/* Once in a run. */
static void tell_error(struct task *task, atomic_bool *told, const char *what, struct error *error)
{
	if (error->cls != ERROR_CANCELLED && !atomic_exchange(told, true))
		task_tell(task, mem_printf("%s: %s %s", task->node->id, what, error->message));
	error_free(error);
}

int task_cache_key(struct task *task, struct error **err)
{
	cleanup_free char *why = NULL;
	int r;

	if (!task->env->take_results && !task->env->give_results)
		return 0;
	task->asked = task->node->cache_key != NULL;
	if (task->asked) {
		memcpy(task->cache_key, task->node->cache_key, sizeof(task->cache_key));
		return 0;
	}
	r = plan_cache_key(task->env->plan, task->number, task->cache_key, &why, err);
	if (r <= 0)
		task->cache_key[0] = '\0';
	return r < 0 ? -1 : 0;
}

void task_cache_take(struct task *task)
{
	struct cache_entry found;
	struct error *error = NULL;
	int r;

	if (atomic_load(&task->env->take_failed))
		return;
	r = cache_take(task->env->registry, task->env->layout, task->env->plan, task->number, task->cache_key, &found,
		       &error);
	if (r < 0)
		tell_error(task, &task->env->take_failed, "not taken from the registry cache:", error);
	if (r <= 0)
		return;
	task->taken = true;
	task->identity = mem_strdup(found.identity);
	task->digest = mem_strdup(found.digest);
	task->place = mem_strdup("store");
	task->size = found.size;
	task_note(task, "taken from the registry cache: %s", task->cache_key);
}

void task_cache_give(struct task *task)
{
	struct error *error = NULL;

	if (atomic_load(&task->env->give_failed) || strcmp(task->place, "store") != 0)
		return;
	if (cache_give(task->env->registry, task->env->layout, task->env->plan, task->number, task->cache_key,
		       task->digest, &error) < 0)
		tell_error(task, &task->env->give_failed, "not stored in the registry cache:", error);
}
