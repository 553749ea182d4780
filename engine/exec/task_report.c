#include "config.h"

#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "base/fs.h"
#include "base/mem.h"
#include "engine/exec/task.h"
#include "engine/io/loop.h"

/* Shared by all kinds of nodes: notes, progress, log, staging folder. */

/* A note on its way to the loop's thread. */
struct task_remark {
	struct task_env *env;
	void *owner;
	char *text;
};

static void task_report_tell(void *arg)
{
	struct task_remark *remark = arg;

	remark->env->note(remark->owner, remark->text);
	free(remark->text);
	free(remark);
}

void task_tell(struct task *task, char *text)
{
	struct task_remark *remark = mem_alloc(sizeof(*remark));

	*remark = (struct task_remark){ task->env, task->owner, text };
	loop_post(task->env->loop, task_report_tell, remark);
}

struct told {
	struct task *task;
	struct progress progress;
};

static void tell_progress(void *data)
{
	struct told *told = data;

	told->task->output.progress(told->task->output.data, &told->progress);
	free(told);
}

/* Posted before the task's end, so the task still exists when it arrives. */
void task_report(struct task *task, const struct progress *progress)
{
	struct told *told = mem_alloc(sizeof(*told));

	*told = (struct told){ task, *progress };
	loop_post(task->env->loop, tell_progress, told);
}

void task_note(struct task *task, const char *fmt, ...)
{
	cleanup_free char *line = NULL, *whole = NULL;
	va_list args;

	va_start(args, fmt);
	line = mem_vprintf(fmt, args);
	va_end(args);
	whole = mem_printf("%s\n", line);
	/* If the log cannot be written, carry on. */
	fs_write_all(task->log_fd, whole, strlen(whole), task->log, NULL);
}

const char *task_staging(struct task *task, struct error **err)
{
	if (task->staging)
		return task->staging;
	task->staging = mem_printf("%s/%zu", task->env->staging, task->number);
	if (fs_mkdirs(task->staging, 0700, err) < 0) {
		free(task->staging);
		task->staging = NULL;
	}
	return task->staging;
}
