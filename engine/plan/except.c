#include "config.h"

#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/fs.h"
#include "base/json.h"
#include "base/map.h"
#include "base/mem.h"
#include "dsl/manifest.h"
#include "engine/plan/plan_internal.h"
#include "engine/plan/trail.h"
#include "engine/source/dockerfile.h"
#include "engine/state/state.h"

/* What is in a context and does not count, or counts otherwise: what steps and builds make. */

static const char *except_real(struct plan *plan, const char *path)
{
	cleanup_free char *real = trail_real(path);

	return arena_strdup(plan->arena, real);
}

static bool output_is_read(const struct node *node, const struct plan_made *made)
{
	for (size_t i = 0; node && i < node->build->outputs_len; i++)
		if (node->build->outputs[i].path == made->output)
			return true;
	return false;
}

bool plan_context_made(struct plan *plan, const struct node *node, const char *root)
{
	cleanup_free char *real = plan_real_folder(plan, root);

	for (size_t i = 0; i < plan->made_len; i++)
		if (plan->made[i].files && output_is_read(node, &plan->made[i]) && path_inside(plan->made[i].path, real))
			return true;
	return false;
}

/* An instruction that names it, or something in it, means it. */
static bool is_named_in(const struct dockerfile_use *use, const char *relative)
{
	for (size_t i = 0; i < use->sources_len; i++)
		if (!use->sources[i].context && path_inside(relative, use->sources[i].pattern))
			return true;
	return false;
}

/* What the service's earlier builds made anew is no part of what it is built from, or each build would make the next one stale. What was
 * there before they wrote it is. */
void plan_find_own(struct plan *plan, struct node *node)
{
	struct plan_build *build = node->build;
	const char *record = plan_node_id(plan, NODE_OUTPUT, node->service, NULL, NULL);
	const struct record *last = map_get(plan->records, record);
	cleanup_free char *root = plan_real_folder(plan, build->contexts[0].root);
	cleanup_json struct json *detail = NULL;
	const struct json *created;
	const char **own;

	if (!last || !last->detail || json_parse(last->detail, strlen(last->detail), record, &detail, NULL) < 0)
		return;
	created = json_get(detail, "created");
	own = arena_array(plan->arena, json_len(created) + 1, sizeof(*own));
	for (size_t i = 0; i < json_len(created); i++) {
		cleanup_free char *full = path_join(plan->manifest->dir, json_text(json_at(created, i)));
		const char *real = except_real(plan, full), *relative = path_relative(root, real);

		if (relative && strcmp(relative, ".") != 0 && !is_named_in(&build->use, relative))
			own[build->own_len++] = relative;
	}
	build->own = own;
}

const char *const *plan_except(struct plan *plan, const struct node *node, const char *root, bool main, size_t *ret_len)
{
	cleanup_free char *real = plan_real_folder(plan, root);
	size_t own = node && main ? node->build->own_len : 0;
	const char **except = arena_array(plan->arena, plan->made_len + own + 1, sizeof(*except));
	size_t len = 0;

	for (size_t i = 0; i < plan->made_len; i++) {
		const char *relative = path_relative(real, plan->made[i].path);

		if (relative && strcmp(relative, ".") != 0 &&
		    (!plan->made[i].files || output_is_read(node, &plan->made[i])))
			except[len++] = relative;
	}
	for (size_t i = 0; i < own; i++)
		except[len++] = node->build->own[i];
	*ret_len = len;
	return except;
}
