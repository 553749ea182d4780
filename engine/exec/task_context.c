#include "config.h"

#include <stdlib.h>

#include "base/copy.h"
#include "base/fs.h"
#include "base/mem.h"
#include "dsl/manifest.h"
#include "engine/exec/task.h"
#include "engine/source/handed.h"
#include "engine/source/replica.h"

/* Outputs are in no selection: those that are in the folder, as they are now. */
static int copy_output(const struct task *task, const struct plan_context *context, const char *output, const char *to,
		       struct error **err)
{
	cleanup_free char *path = path_join(plan_manifest(task->env->plan)->dir, output);
	const char *relative = path_relative(context->root, path);
	cleanup_free char *target = relative ? path_join(to, relative) : NULL;
	cleanup_free char *parent = target ? path_dir(target) : NULL;

	return target && (fs_mkdirs(parent, 0755, err) < 0 || copy_tree(path, target, err) < 0) ? -1 : 0;
}

int task_replicate(struct task *task, size_t number, const char *to, struct error **err)
{
	const struct plan_build *build = task->node->build;
	const struct plan_context *context = &build->contexts[number];

	if (replica_make(task->env->source, context->selection, context->root, to, err) < 0)
		return -1;
	for (size_t i = 0; i < build->outputs_len; i++)
		if (copy_output(task, context, build->outputs[i].path, to, err) < 0)
			return -1;
	return 0;
}

/* The outputs of prepare steps are in no selection: those that are in the folder, as they are now. */
static int hand_outputs(const struct task *task, struct handed *handed, const struct plan_context *context,
			struct error **err)
{
	const struct plan_build *build = task->node->build;

	for (size_t i = 0; i < build->outputs_len; i++) {
		cleanup_free char *path = path_join(plan_manifest(task->env->plan)->dir, build->outputs[i].path);
		const char *relative = path_relative(context->root, path);

		if (relative &&
		    handed_add_path(handed, context->name ? context->name : "", context->root, relative, err) < 0)
			return -1;
	}
	return 0;
}

int task_handed_name(struct task *task, char ret[HANDED_NAME + 1], struct error **err)
{
	const struct plan_build *build = task->node->build;
	cleanup_free char *dir = path_join(task->env->state_dir, "handed");
	cleanup_handed struct handed *handed = handed_new();

	for (size_t i = 0; i < build->contexts_len; i++) {
		const struct plan_context *context = &build->contexts[i];

		if (!context->root)
			continue;
		handed_add(handed, context->name ? context->name : "", task->env->source, context->selection);
		if (hand_outputs(task, handed, context, err) < 0)
			return -1;
	}
	return handed_name(handed, dir, build->contexts[0].root, ret, err);
}
