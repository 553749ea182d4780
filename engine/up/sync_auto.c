#include "config.h"

#include "engine/up/sync_auto.h"

#include <string.h>

#include "base/fs.h"
#include "base/mem.h"
#include "dsl/manifest.h"
#include "engine/plan/plan.h"
#include "engine/source/dockerfile_copies.h"

/* What a base's ONBUILD copies, or runs after that, is not in the Dockerfile. */
static bool has_triggers(const struct plan *plan, size_t maker)
{
	for (size_t i = 0; i < plan_len(plan); i++) {
		const struct node *node = plan_node(plan, i);

		for (size_t j = 0; node->kind == NODE_BUILD && node->service == maker && j < node->build->images_len; j++)
			if (node->build->images[j].onbuild && *node->build->images[j].onbuild)
				return true;
	}
	return false;
}

/* A file keeps its name where its place is a folder. One that gets another name may be put into a folder of that name: nobody knows
 * before the build. */
static const char *place_in(const char *path, const char *source, const char *target, struct arena *arena)
{
	bool folder = target[strlen(target) - 1] == '/';

	if (fs_is_dir(path))
		return target;
	if (folder)
		return arena_join(arena, target, path_base(source), NULL);
	return strcmp(path_base(target), path_base(source)) == 0 ? target : NULL;
}

static struct watch_rule rule_of(const struct service *service, const struct dockerfile_copy *copy, struct arena *arena)
{
	struct watch_rule rule = { .action = WATCH_REBUILD, .path = service->build.context };
	cleanup_free char *joined = path_join(service->build.context.s, copy->source), *path = path_clean(joined);
	const char *target = copy->target ? place_in(path, copy->source, copy->target, arena) : NULL;

	if (!target && strpbrk(copy->source, "*?[\\")) {
		struct text *pattern = arena_alloc(arena, sizeof(*pattern));

		pattern->s = copy->source;
		rule.include = (struct texts){ .items = pattern, .len = 1 };
		return rule;
	}
	rule.path.s = arena_strdup(arena, path);
	if (target) {
		cleanup_free char *cleaned = path_clean(target);

		rule.action = WATCH_SYNC;
		rule.target.s = arena_strdup(arena, cleaned);
	}
	return rule;
}

static size_t read_rules(const struct plan *plan, const struct service *service, struct arena *arena,
			 const struct watch_rule **ret)
{
	const struct dockerfile *dockerfile = plan_dockerfile(plan, service->maker);
	struct dockerfile_copy *copies;
	struct watch_rule *rules;
	size_t len;

	if (!service->has_build || service->build.context_url.s || !dockerfile || has_triggers(plan, service->maker) ||
	    !dockerfile_copies(dockerfile, service->build.target.s, arena, &copies, &len))
		return 0;
	rules = arena_array(arena, len + 1, sizeof(*rules));
	for (size_t i = 0; i < len; i++)
		rules[i] = rule_of(service, &copies[i], arena);
	*ret = rules;
	return len;
}

size_t sync_rules_of(const struct plan *plan, const struct service *service, struct arena *arena,
		     const struct watch_rule **ret)
{
	*ret = service->watch;
	return service->watch_auto ? read_rules(plan, service, arena, ret) : service->watch_len;
}
