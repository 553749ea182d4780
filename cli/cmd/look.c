#include "config.h"

#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/error.h"
#include "base/fs.h"
#include "base/map.h"
#include "base/mem.h"
#include "cli/cmd/look.h"
#include "cli/options.h"
#include "cli/report/reporter.h"
#include "cli/session.h"
#include "dsl/manifest.h"
#include "engine/plan/plan.h"
#include "engine/source/context.h"

struct look {
	struct arena *arena;
	const char *dir;     /* of the manifest */
	struct map *keys;    /* node -> key, "" while unknown */
	struct map *folders; /* path -> path */
	const char **list;
	const char *cause; /* or NULL */
};

/* Includes the parent folders within the project: one of them may be replaced. */
static void look_add_folder(struct look *look, const char *path)
{
	cleanup_free char *above = path_dir(path);
	char *own;

	if (map_get(look->folders, path))
		return;
	own = arena_strdup(look->arena, path);
	map_set(look->folders, own, own);
	if (path_inside(look->dir, above))
		look_add_folder(look, above);
}

static void add_parent(struct look *look, const char *path)
{
	cleanup_free char *dir = path_dir(path);

	look_add_folder(look, dir);
}

static void add_selection(struct look *look, struct session *session, const char *root, size_t selection)
{
	const struct source_entry *entries;
	size_t len;

	look_add_folder(look, root);
	entries = source_entries(session->source, selection, &len);
	for (size_t i = 0; i < len; i++) {
		cleanup_free char *path = path_join(root, entries[i].path);

		if (entries[i].type == 'd')
			look_add_folder(look, path);
		else
			add_parent(look, path);
	}
}

static void add_node(struct look *look, struct session *session, const struct node *node)
{
	map_set(look->keys, arena_strdup(look->arena, node->id), arena_strdup(look->arena, node->key));
	if (node->kind == NODE_PREPARE)
		add_selection(look, session, session->manifest->dir, node->prepare->selection);
	if (node->kind != NODE_BUILD)
		return;
	add_parent(look, node->build->dockerfile);
	for (size_t i = 0; i < node->build->contexts_len; i++) {
		const struct plan_context *context = &node->build->contexts[i];

		add_selection(look, session, context->root, context->selection);
	}
	for (size_t i = 0; i < node->build->images_len; i++)
		if (node->build->images[i].layout)
			look_add_folder(look, node->build->images[i].layout);
}

/* The first node that has a reason of its own: what others wait for is built before. */
static const char *find_cause(struct look *look, struct session *session)
{
	for (size_t i = 0; i < plan_len(session->plan); i++) {
		const struct node *node = plan_node(session->plan, i);
		cleanup_buf struct buf reason = { 0 };

		if (node->state != NODE_STALE || node->reasons_len == 0)
			continue;
		report_reason(&reason, node->kind, &node->reasons[0]);
		return arena_printf(look->arena, "%s, building %s", reason.data,
				    session->manifest->services[node->service].name.s);
	}
	return NULL;
}

struct look *look_take(struct session *session)
{
	struct look *look = mem_alloc(sizeof(*look));
	size_t len;

	look->arena = arena_new();
	look->keys = map_new();
	look->folders = map_new();
	look->dir = arena_strdup(look->arena, session->manifest->dir);
	look_add_folder(look, look->dir);
	for (size_t i = 0; i < session->manifest->files_len; i++)
		add_parent(look, session->manifest->files[i]);
	for (size_t i = 0; i < plan_len(session->plan); i++)
		add_node(look, session, plan_node(session->plan, i));
	look->cause = find_cause(look, session);
	len = map_len(look->folders);
	look->list = mem_array(len + 1, sizeof(*look->list));
	for (size_t i = 0; i < len; i++)
		look->list[i] = map_key(look->folders, i);
	return look;
}

void look_free(struct look *look)
{
	if (!look)
		return;
	free(look->list);
	map_free(look->folders);
	map_free(look->keys);
	arena_free(look->arena);
	free(look);
}

bool look_differs(const struct look *before, const struct look *after)
{
	if (map_len(before->keys) != map_len(after->keys))
		return true;
	for (size_t i = 0; i < map_len(before->keys); i++) {
		const char *was = map_value(before->keys, i), *is = map_get(after->keys, map_key(before->keys, i));

		if (!is || (*was && *is && strcmp(was, is) != 0))
			return true;
	}
	return false;
}

const char *look_cause(const struct look *look)
{
	return look->cause;
}

const char *const *look_folders(const struct look *look)
{
	return look->list;
}
