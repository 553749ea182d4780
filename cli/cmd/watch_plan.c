#include "config.h"

#include <stdlib.h>
#include <string.h>

#include "base/diag.h"
#include "base/error.h"
#include "base/fs.h"
#include "base/mem.h"
#include "cli/cmd/build.h"
#include "cli/cmd/up_services.h"
#include "cli/cmd/watch_plan.h"
#include "cli/plan_bases.h"
#include "dsl/manifest.h"
#include "engine/plan/plan.h"
#include "engine/up/sync_tree.h"

/* What `up` keeps running it also checks; then a container for the checks alone would only cost time. */
static int watch_plan_make(struct watch_plan *plan, struct error **err)
{
	const struct options *options = &plan->options;
	struct session_plan want = {
		.load = !options->no_load,
		.verify = !options->no_verify,
		.only_images = options->run,
	};

	if (session_open(&plan->session, options, err) < 0)
		return -1;
	if (options->run && troupe_gather(&plan->session, &plan->troupe, err) < 0)
		return -1;
	want.targets = options->run ? troupe_built(plan->troupe) : NULL;
	return session_plan(&plan->session, &want, err);
}

static struct watch_plan *watch_plan_new(const struct options *options, bool silent)
{
	struct watch_plan *plan = mem_alloc(sizeof(*plan));

	plan->options = *options;
	plan->options.silent = silent;
	plan->options.force = options->force && !silent;
	return plan;
}

void watch_plan_free(struct watch_plan *plan)
{
	if (!plan)
		return;
	troupe_free(plan->troupe);
	session_close(&plan->session);
	free(plan);
}

struct watch_plan *watch_plan_peek(const struct options *options)
{
	struct watch_plan *plan = watch_plan_new(options, true);

	if (watch_plan_make(plan, NULL) == 0)
		return plan;
	watch_plan_free(plan);
	return NULL;
}

/* Whether the rules of every service that runs the image of this build deal with the file. */
static bool covers_file(const struct watch_plan *plan, const struct node *node, const struct sync_tree *tree,
			const char *path)
{
	const struct manifest *manifest = plan->session.manifest;
	bool any = false;

	for (size_t i = 0; i < manifest->services_len; i++) {
		if (manifest->services[i].maker != node->service || !troupe_has(plan->troupe, i))
			continue;
		if (!sync_tree_covers(tree, manifest->services[i].name.s, path))
			return false;
		any = true;
	}
	return any;
}

/* A reason names its file below the context's name, which several contexts may have. */
static bool covers_reason(const struct watch_plan *plan, const struct node *node, const struct sync_tree *tree,
			  const struct reason *reason)
{
	bool any = false;

	for (size_t i = 0; reason->kind == REASON_FILE && i < node->build->contexts_len; i++) {
		const struct plan_context *context = &node->build->contexts[i];
		cleanup_free char *prefix = plan_prefix(plan->session.plan, context);
		cleanup_free char *path = NULL;

		if (strncmp(reason->what, prefix, strlen(prefix)) != 0)
			continue;
		path = path_join(context->root, reason->what + strlen(prefix));
		if (!covers_file(plan, node, tree, path))
			return false;
		any = true;
	}
	return any;
}

bool watch_plan_covered(const struct watch_plan *plan, const struct sync_tree *tree)
{
	for (size_t i = 0; i < plan_len(plan->session.plan); i++) {
		const struct node *node = plan_node(plan->session.plan, i);
		bool makes = node->kind == NODE_PREPARE || node->kind == NODE_BUILD || node->kind == NODE_OUTPUT;

		/* What has no reason of its own waits for a build. */
		if (node->state == NODE_UNKNOWN && makes)
			return false;
		if (node->state == NODE_STALE && node->kind != NODE_BUILD && node->reasons_len > 0)
			return false;
		for (size_t j = 0; node->state == NODE_STALE && j < node->reasons_len; j++) {
			if (!covers_reason(plan, node, tree, &node->reasons[j]))
				return false;
		}
	}
	return true;
}

static int watch_plan_ask(struct watch_plan *plan, struct error **err)
{
	return build_sweep(&plan->session, err) < 0 || plan_bases_only(&plan->session, err) < 0 ? -1 : 0;
}

int watch_plan_open(const struct options *options, struct watch_plan **ret, struct error **err)
{
	struct watch_plan *plan = watch_plan_new(options, false);
	struct error *error = NULL;

	if (watch_plan_make(plan, &error) == 0 && watch_plan_ask(plan, &error) == 0) {
		*ret = plan;
		return 0;
	}
	watch_plan_free(plan);
	*ret = NULL;
	return error ? error_move(err, &error) : 0;
}

int watch_plan_use(struct watch_plan *plan, const struct options *options, struct error **err)
{
	const char *const *notes = plan_notes(plan->session.plan);

	if (options->force || diags_count(plan->session.diags) + diags_warnings(plan->session.diags) > 0 ||
	    plan->session.manifest->notes.len > 0 || (notes && *notes))
		return 0;
	plan->options.silent = false;
	return watch_plan_ask(plan, err) < 0 ? -1 : 1;
}
