#include "config.h"

#include <stdlib.h>

#include "base/error.h"
#include "base/mem.h"
#include "dsl/manifest.h"
#include "engine/exec/task.h"
#include "engine/io/loop.h"
#include "engine/oci/convert.h"

/* A platform's image in one of the service's formats, from the plain one. */

#define TELL_MS 100 /* between two events of how far it is */

struct meter {
	struct task *task;
	uint64_t told_ms;
};

struct told {
	struct task *task;
	struct progress progress;
};

static void tell(void *data)
{
	struct told *told = data;

	told->task->output.progress(told->task->output.data, &told->progress);
	free(told);
}

static void take_progress(void *data, uint64_t bytes, uint64_t total)
{
	struct meter *meter = data;
	struct told *told;
	uint64_t now = loop_now_ms();

	if (now - meter->told_ms < TELL_MS)
		return;
	meter->told_ms = now;
	told = mem_alloc(sizeof(*told));
	told->task = meter->task;
	told->progress = (struct progress){ .bytes = bytes, .total = total };
	/* Posted before the task's end is: the task is there when it arrives. */
	loop_post(meter->task->env->loop, tell, told);
}

static bool is_cancelled(void *data)
{
	return loop_cancelled(((const struct meter *)data)->task->env->loop);
}

static enum convert_form form_of(const struct image_format *format)
{
	return format->kind == FORMAT_ZSTD ? CONVERT_ZSTD : CONVERT_ESTARGZ;
}

int task_convert_check(const struct image_format *format, struct error **err)
{
	if (format->kind != FORMAT_NYDUS)
		return convert_possible(form_of(format), err);
	error_make(err, ERROR_TOOL, "no builder here can make nydus images");
	error_remedy(err, "leave nydus out of `formats`");
	return -1;
}

int task_convert(struct task *task, struct error **err)
{
	const struct node *build = plan_node(task->env->plan, task->node->needs[0]);
	struct meter meter = { .task = task, .told_ms = loop_now_ms() };
	const struct convert convert = {
		.layout = task->env->layout,
		.memory = task->env->packed,
		.digest = build->result.digest,
		.form = form_of(task->node->format),
		.cancelled = is_cancelled,
		.progress = take_progress,
		.data = &meter,
	};
	struct converted made;

	if (convert_image(&convert, &made, err) < 0)
		return -1;
	task->identity = mem_strdup(made.digest);
	task->digest = mem_strdup(made.digest);
	task->place = mem_strdup("store");
	task->detail = made.detail;
	task->size = made.size;
	return 0;
}
