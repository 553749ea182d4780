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
	/* BuildKit applies the ignore file of a named context, too, unless it is from elsewhere, buildah does not: so both the
	 * ignore file and the files it excludes count. */
	if (name && !context->origin && filter.patterns_len > 0)
		patterns[filter.patterns_len++] = ".dockerignore";
	filter.except = plan_except(plan, node, context->root, !name, &filter.except_len);
	context->selection = context->shown = source_add(plan->source, context->root, &filter);
	if (!name || context->origin)
		return;
	filter.ignore = plan_ignore_in(plan, context->root);
	context->shown = source_add(plan->source, context->root, &filter);
}

/* Its folder may not be there yet, and what is in it is known by the output's digest. */
static void select_nothing(struct plan *plan, struct plan_context *context)
{
	static const struct filter nothing = { 0 };

	context->made = true;
	context->selection = context->shown = source_add(plan->source, plan->manifest->dir, &nothing);
}

static void select_inputs(struct plan *plan, struct plan_prepare *prepare)
{
	struct filter filter = { .deep = true, .patterns = prepare->inputs, .patterns_len = prepare->inputs_len };

	filter.except = plan_except(plan, NULL, plan->manifest->dir, false, &filter.except_len);
	prepare->selection = source_add(plan->source, plan->manifest->dir, &filter);
}

void plan_select(struct plan *plan)
{
	for (size_t i = 0; i < plan->nodes_len; i++) {
		const struct node *node = plan->nodes[i];

		for (size_t j = 0; node->build && j < node->build->contexts_len; j++) {
			struct plan_context *context = &node->build->contexts[j];

			if (plan_context_made(plan, node, context->root) ||
			    (plan->services[node->service].unfetched && !fs_exists(context->root)))
				select_nothing(plan, context);
			else
				select_context(plan, node, context);
		}
		if (node->prepare)
			select_inputs(plan, node->prepare);
	}
}
