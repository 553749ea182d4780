#include "config.h"

#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/mem.h"
#include "base/table.h"
#include "dsl/manifest.h"
#include "engine/exec/task.h"
#include "engine/io/loop.h"
#include "engine/oci/convert.h"

/* Converts a platform's plain image to one of the service's formats. */

#define TELL_MS 100 /* between two progress events */

struct convert_meter {
	struct task *task;
	uint64_t told_ms;
};

static void task_convert_take_progress(void *data, uint64_t bytes, uint64_t total)
{
	struct convert_meter *meter = data;
	uint64_t now = loop_now_ms();

	if (now - meter->told_ms < TELL_MS)
		return;
	meter->told_ms = now;
	task_report(meter->task, &(struct progress){ .bytes = bytes, .total = total });
}

static bool task_convert_is_cancelled(void *data)
{
	return loop_cancelled(((const struct convert_meter *)data)->task->env->loop);
}

static enum convert_form form_of(const struct image_format *format)
{
	static const enum convert_form forms[] = { CONVERT_ZSTD, CONVERT_ESTARGZ, CONVERT_NYDUS };
	TABLE_COMPLETE(forms, FORMAT_KINDS);

	return forms[format->kind];
}

int task_convert_check(const struct image_format *format, struct error **err)
{
	return convert_possible(form_of(format), err);
}

static int task_convert_pack(struct task *task, const struct node *build, struct error **err)
{
	struct convert_meter meter = { .task = task, .told_ms = loop_now_ms() };
	const struct convert convert = {
		.layout = task->env->layout,
		.memory = task->env->packed,
		.digest = build->result.digest,
		.form = form_of(task->node->format),
		.cancelled = task_convert_is_cancelled,
		.progress = task_convert_take_progress,
		.data = &meter,
	};
	struct converted made;

	if (convert_image(&convert, &made, err) < 0)
		return -1;
	task->detail = made.detail;
	if (task_annotate(task, made.digest, err) < 0)
		return -1;
	task->identity = mem_strdup(made.digest);
	task->digest = mem_strdup(made.digest);
	task->size = made.size;
	return 0;
}

int task_convert(struct task *task, struct error **err)
{
	const struct node *build = plan_node(task->env->plan, task->node->needs[0]);

	if (task_convert_pack(task, build, err) < 0)
		return -1;
	task->place = mem_strdup("store");
	return 0;
}
