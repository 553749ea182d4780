#include "config.h"

#include "engine/oci/lockfile.h"
#include "engine/plan/changes.h"

#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/fs.h"
#include "base/json.h"
#include "base/map.h"
#include "base/mem.h"
#include "dsl/manifest.h"
#include "engine/plan/plan_internal.h"
#include "engine/source/context.h"
#include "engine/state/state.h"

/* The project's paths are as the user wrote them, git's contain no symbolic links: compare all without links. */
struct affected_look {
	struct plan *plan;
	const char *const *paths;
	size_t len;
	struct map *real; /* folder -> its real path */
};

static const char *real_folder(struct affected_look *look, const char *folder)
{
	const char *known = map_get(look->real, folder);
	cleanup_free char *found = NULL;

	if (known)
		return known;
	found = realpath(folder, NULL);
	known = arena_strdup(look->plan->arena, found ? found : folder);
	map_set(look->real, arena_strdup(look->plan->arena, folder), (void *)known);
	return known;
}

/* The file itself or, if it is a link, its target. */
static bool is_file(struct affected_look *look, const char *changed, const char *file)
{
	cleanup_free char *folder = path_dir(file);
	cleanup_free char *real = path_join(real_folder(look, folder), path_base(file));

	return strcmp(changed, real) == 0 || strcmp(changed, real_folder(look, file)) == 0;
}

/* An entry at `relative`, or below it: entries are sorted by their bytes. */
static bool has_entry(const struct affected_look *look, size_t selection, const char *relative)
{
	size_t len, from = 0, to;
	const struct source_entry *entries = source_entries(look->plan->source, selection, &len);

	for (to = len; from < to;) {
		size_t middle = from + (to - from) / 2;

		if (strcmp(entries[middle].path, relative) < 0)
			from = middle + 1;
		else
			to = middle;
	}
	for (; from < len && strncmp(entries[from].path, relative, strlen(relative)) == 0; from++) {
		if (path_inside(relative, entries[from].path))
			return true;
	}
	return false;
}

/* A deleted file was an input if it would be one now. */
static bool reads(const struct affected_look *look, size_t selection, const char *relative, const char *changed)
{
	return has_entry(look, selection, relative) ||
	       (!fs_exists(changed) && source_takes(look->plan->source, selection, relative));
}

static bool in_contexts(struct affected_look *look, const struct plan_build *build, const char *changed)
{
	for (size_t i = 0; i < build->contexts_len; i++) {
		const struct plan_context *context = &build->contexts[i];
		const char *relative = path_relative(real_folder(look, context->root), changed);

		if (relative && reads(look, context->selection, relative, changed))
			return true;
	}
	return false;
}

static bool in_layouts(struct affected_look *look, const struct plan_build *build, const char *changed)
{
	for (size_t i = 0; i < build->images_len; i++)
		if (build->images[i].layout && path_inside(real_folder(look, build->images[i].layout), changed))
			return true;
	return false;
}

/* Some of its bases come from elsewhere: they may be in the lock. */
static bool names_bases(const struct plan_build *build)
{
	bool any = build->fetched_len > 0;

	for (size_t i = 0; i < build->images_len; i++)
		any |= build->images[i].node == NO_NODE;
	return any;
}

static bool changes_build(struct affected_look *look, const struct plan_build *build, const char *changed)
{
	cleanup_free char *beside = mem_printf("%s.dockerignore", build->dockerfile);
	cleanup_free char *lock = path_join(look->plan->manifest->dir, LOCKFILE_NAME);
	cleanup_free char *inside = path_join(build->contexts[0].root, ".dockerignore");

	return is_file(look, changed, build->dockerfile) || (names_bases(build) && is_file(look, changed, lock)) ||
	       is_file(look, changed, beside) || is_file(look, changed, inside) || in_contexts(look, build, changed) ||
	       in_layouts(look, build, changed);
}

static bool changes_prepare(struct affected_look *look, const struct node *node, const char *changed)
{
	const struct manifest *manifest = look->plan->manifest;
	const char *relative = path_relative(real_folder(look, manifest->dir), changed);

	for (size_t i = 0; i < node->prepare->outputs_len; i++) {
		cleanup_free char *output = path_join(manifest->dir, node->prepare->outputs[i]);

		if (is_file(look, changed, output))
			return true;
	}
	return relative && reads(look, node->prepare->selection, relative, changed);
}

/* The files that it wrote last are its own, as they are now. */
static bool changes_output(struct affected_look *look, const struct node *node, const char *changed)
{
	const char *relative = path_relative(real_folder(look, look->plan->manifest->dir), changed);
	const struct record *last = map_get(look->plan->records, node->id);
	cleanup_json struct json *detail = NULL;

	if (relative && last && last->detail)
		json_parse(last->detail, strlen(last->detail), node->id, &detail, NULL);
	return json_str(json_get(detail, "outputs"), relative ? relative : "");
}

/* NULL: none of the paths is its own. */
static const char *own_reason(struct affected_look *look, const struct node *node)
{
	for (size_t i = 0; i < look->len; i++) {
		const char *changed = look->paths[i];
		const char *relative;

		if (!(node->kind == NODE_BUILD && changes_build(look, node->build, changed)) &&
		    !(node->kind == NODE_PREPARE && changes_prepare(look, node, changed)) &&
		    !(node->kind == NODE_OUTPUT && changes_output(look, node, changed)))
			continue;
		relative = path_relative(real_folder(look, look->plan->manifest->dir), changed);
		return arena_strdup(look->plan->arena, relative ? relative : changed);
	}
	return NULL;
}

void plan_affected(struct plan *plan, const char *const *paths, size_t len, const char **ret_because)
{
	struct affected_look look = { .plan = plan, .paths = paths, .len = len, .real = map_new() };
	cleanup_free const char **because = mem_array(plan->nodes_len + 1, sizeof(*because));

	for (size_t i = 0; i < plan->manifest->services_len; i++)
		ret_because[i] = NULL;
	for (size_t i = 0; i < plan->nodes_len; i++) {
		const struct node *node = plan->nodes[i];

		because[i] = own_reason(&look, node);
		for (size_t j = 0; j < node->needs_len && !because[i]; j++) {
			const struct node *need = plan->nodes[node->needs[j]];

			if (because[node->needs[j]])
				because[i] = need->service == node->service
						     ? because[node->needs[j]]
						     : arena_printf(plan->arena, "service %s",
								    plan->manifest->services[need->service].name.s);
		}
		if (because[i] && !ret_because[node->service])
			ret_because[node->service] = because[i];
	}
	map_free(look.real);
}
