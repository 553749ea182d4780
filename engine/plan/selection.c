#include "config.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/fs.h"
#include "base/mem.h"
#include "dsl/manifest.h"
#include "engine/plan/plan_internal.h"
#include "engine/source/context.h"

bool plan_whole(const struct dockerfile_use *use, const char *name)
{
	for (size_t i = 0; i < use->whole_contexts_len && name; i++) {
		if (strcasecmp(use->whole_contexts[i], name) == 0)
			return true;
	}
	return !name && use->whole;
}

/* The paths below `root` that never count there; *ret_len of them, in the arena. */
static const char *const *except_of(struct plan *plan, const char *root, size_t *ret_len)
{
	cleanup_free char *real = plan_real_folder(plan, root);
	const char **except = NULL;
	size_t len = 0;

	for (size_t i = 0; i < plan->made_len; i++) {
		const char *relative = path_relative(real, plan->made[i].path);

		if (!relative || strcmp(relative, ".") == 0)
			continue;
		if (!except)
			except = arena_array(plan->arena, plan->made_len, sizeof(*except));
		except[len++] = relative;
	}
	*ret_len = len;
	return except;
}

/* Ignored files do not count in the main context. */
static void select_context(struct plan *plan, const struct node *node, struct plan_context *context)
{
	const struct plan_ignore *ignore = context->name ? NULL : plan->services[node->service].ignore;
	const struct dockerfile_use *use = &node->build->use;
	const char **patterns = arena_array(plan->arena, use->sources_len + 2, sizeof(*patterns));
	const struct ignore **excludes = arena_array(plan->arena, use->sources_len + 2, sizeof(*excludes));
	const char *name = context->name;
	struct filter filter = {
		.ignore = ignore ? ignore->ignore : NULL,
		.whole = plan_whole(use, name),
		.patterns = patterns,
		.excludes = excludes,
	};

	for (size_t i = 0; i < use->sources_len; i++) {
		const struct dockerfile_source *source = &use->sources[i];

		if (source->parents && !source->context == !name)
			filter.parents = true;
		if ((!source->context && !name) || (source->context && name && strcasecmp(source->context, name) == 0)) {
			excludes[filter.patterns_len] = plan_exclude(plan, source->exclude);
			patterns[filter.patterns_len++] = source->pattern;
		}
	}
	/* BuildKit applies the ignore file of a named context, too, buildah does not: so both the ignore file and
	 * the files it excludes count. */
	if (name && filter.patterns_len > 0)
		patterns[filter.patterns_len++] = ".dockerignore";
	filter.except = except_of(plan, context->root, &filter.except_len);
	context->selection = context->shown = source_add(plan->source, context->root, &filter);
	if (!name)
		return;
	filter.ignore = plan_ignore_in(plan, context->root);
	context->shown = source_add(plan->source, context->root, &filter);
}

static void select_inputs(struct plan *plan, struct plan_prepare *prepare)
{
	struct filter filter = { .deep = true, .patterns = prepare->inputs, .patterns_len = prepare->inputs_len };

	filter.except = except_of(plan, plan->manifest->dir, &filter.except_len);
	prepare->selection = source_add(plan->source, plan->manifest->dir, &filter);
}

void plan_select(struct plan *plan)
{
	for (size_t i = 0; i < plan->nodes_len; i++) {
		const struct node *node = plan->nodes[i];

		for (size_t j = 0; node->build && j < node->build->contexts_len; j++) {
			if (node->build->contexts[j].root)
				select_context(plan, node, &node->build->contexts[j]);
		}
		if (node->prepare)
			select_inputs(plan, node->prepare);
	}
}
