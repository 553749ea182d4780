#include "config.h"

#include "engine/up/sync_tree.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/buf.h"
#include "base/error.h"
#include "base/fs.h"
#include "base/map.h"
#include "base/mem.h"
#include "dsl/manifest.h"
#include "engine/source/ignore.h"
#include "engine/source/walk.h"
#include "engine/stack/stack.h"
#include "engine/up/sync_auto.h"

#define IGNORE_MAX (1u << 20) /* bytes of an ignore file */

/* As compose: repositories, and what JetBrains' editors, emacs, vim and kate write beside a file. */
static const char passing[] = "**/.git\n**/.idea\n**/*___jb_tmp___\n**/*___jb_old___\n"
			      "**/.#*\n**/#*#\n**/4913\n**/*~\n**/.*.swp\n**/.*.swx\n**/.*.swo\n**/.*.swn\n"
			      "**/.*.kate-swp\n";

struct sync_file {
	mode_t mode;
	struct stamp stamp; /* of what is no folder */
};

struct sync_rule {
	const struct service *service;
	const struct watch_rule *rule;
	struct ignore *build; /* of the service's context */
	struct ignore *ignore, *include;
	struct map *files; /* of what is copied or restarts: path relative to the rule's, "." for its own -> struct sync_file */
};

struct sync_tree {
	struct arena *arena;
	struct ignore *passing;
	struct sync_rule *rules;
	size_t len, cap;
	struct map *folders; /* path -> path */
	const char **list;   /* the same */
};

/* `path` may be ".". malloc'd. */
static char *sync_path(const char *dir, const char *path)
{
	cleanup_free char *joined = path_join(dir, path);

	return path_clean(joined);
}

static int parse_patterns(const struct texts *texts, const char *name, struct ignore **ret, struct error **err)
{
	cleanup_buf struct buf lines = { 0 };

	for (size_t i = 0; i < texts->len; i++)
		buf_printf(&lines, "%s\n", texts->items[i].s);
	return texts->len == 0 ? 0 : ignore_parse(lines.data, lines.len, name, ret, err);
}

/* "<Dockerfile>.dockerignore" precedes the context's own. */
static int read_build_ignore(const struct service *service, struct ignore **ret, struct error **err)
{
	cleanup_free char *beside = mem_printf("%s.dockerignore", service->build.dockerfile.s);
	cleanup_free char *inside = path_join(service->build.context.s, ".dockerignore");
	cleanup_buf struct buf text = { 0 };
	bool found = false;

	if (fs_read_if(beside, IGNORE_MAX, &text, &found, err) < 0 ||
	    (!found && fs_read_if(inside, IGNORE_MAX, &text, &found, err) < 0))
		return -1;
	return found ? ignore_parse(text.data ? text.data : "", text.len, inside, ret, err) : 0;
}

static bool leaves_out(const struct ignore *ignore, const char *path, bool folder)
{
	return ignore_matches(ignore, path) && !(folder && ignore_descend(ignore, path));
}

/* Whether the rule is about what is called `path`, relative to the rule's. A folder is when something in it may be. */
static bool sync_counts(const struct sync_tree *tree, const struct sync_rule *rule, const char *path, bool folder)
{
	cleanup_free char *full = sync_path(rule->rule->path.s, path);
	const char *inside = rule->build ? path_relative(rule->service->build.context.s, full) : NULL;

	if (inside && leaves_out(rule->build, inside, folder))
		return false;
	if (strcmp(path, ".") == 0)
		return true;
	return !leaves_out(tree->passing, path, folder) && !leaves_out(rule->ignore, path, folder) &&
	       (folder || !rule->include || ignore_matches(rule->include, path));
}

static void note_folder(struct sync_tree *tree, const char *path)
{
	char *own;

	if (map_get(tree->folders, path))
		return;
	own = arena_strdup(tree->arena, path);
	map_set(tree->folders, own, own);
}

static int look_below(struct sync_tree *tree, struct sync_rule *rule, const char *path, struct error **err);

/* Something that is gone by now is none of the tree's. */
static int look_at_entry(struct sync_tree *tree, struct sync_rule *rule, const char *path, struct error **err)
{
	cleanup_free char *full = sync_path(rule->rule->path.s, path);
	struct sync_file *file;
	struct stat st;
	int r = fs_find(full, &st, err);

	if (r <= 0)
		return r;
	if (!sync_counts(tree, rule, path, S_ISDIR(st.st_mode)) ||
	    !(S_ISDIR(st.st_mode) || S_ISREG(st.st_mode) || S_ISLNK(st.st_mode)))
		return 0;
	file = arena_alloc(tree->arena, sizeof(*file));
	file->mode = st.st_mode;
	if (!S_ISDIR(st.st_mode))
		file->stamp = walk_stamp(&st);
	map_set(rule->files, arena_strdup(tree->arena, path), file);
	return S_ISDIR(st.st_mode) ? look_below(tree, rule, path, err) : 0;
}

static int look_below(struct sync_tree *tree, struct sync_rule *rule, const char *path, struct error **err)
{
	cleanup_free char *full = sync_path(rule->rule->path.s, path);
	DIR *dir = opendir(full);
	const struct dirent *entry;
	int r = 0;

	if (!dir)
		return errno == ENOENT || errno == ENOTDIR ? 0 : error_errno(err, ERROR_STATE, errno, "%s", full);
	note_folder(tree, full);
	errno = 0;
	while (r == 0 && (entry = readdir(dir))) {
		cleanup_free char *inner = NULL;

		if (strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0)
			continue;
		inner = strcmp(path, ".") == 0 ? mem_strdup(entry->d_name) : path_join(path, entry->d_name);
		r = look_at_entry(tree, rule, inner, err);
		errno = 0;
	}
	if (r == 0 && errno != 0)
		r = error_errno(err, ERROR_STATE, errno, "%s", full);
	closedir(dir);
	return r;
}

/* The rule's own path may be a link, also to a folder. Its parent is watched, because it may be replaced or appear. */
static int look_at_rule(struct sync_tree *tree, struct sync_rule *rule, struct error **err)
{
	cleanup_free char *above = path_dir(rule->rule->path.s);

	if (parse_patterns(&rule->rule->ignore, "develop.watch.ignore", &rule->ignore, err) < 0 ||
	    parse_patterns(&rule->rule->include, "develop.watch.include", &rule->include, err) < 0 ||
	    (rule->service->has_build && read_build_ignore(rule->service, &rule->build, err) < 0))
		return -1;
	rule->files = map_new();
	if (rule->rule->action == WATCH_REBUILD)
		return 0; /* what counts for the image is looked at as for any build */
	note_folder(tree, above);
	return fs_is_dir(rule->rule->path.s) ? look_below(tree, rule, ".", err) : look_at_entry(tree, rule, ".", err);
}

/* What a container has mounted changes there by itself. */
static bool is_mounted(const struct service *service, const struct watch_rule *rule)
{
	for (size_t i = 0; i < service->mounts_len && rule->target.s; i++) {
		const struct mount *mount = &service->mounts[i];

		if (mount->kind == MOUNT_BIND && mount->source.s && path_inside(mount->source.s, rule->path.s))
			return true;
	}
	return false;
}

static void add_rules(struct sync_tree *tree, const struct plan *plan, const struct service *service)
{
	const struct watch_rule *rules;
	size_t len = sync_rules_of(plan, service, tree->arena, &rules);

	for (size_t i = 0; i < len; i++) {
		if (is_mounted(service, &rules[i]))
			continue;
		mem_reserve(&tree->rules, &tree->cap, tree->len + 1, sizeof(*tree->rules));
		tree->rules[tree->len++] = (struct sync_rule){ .service = service, .rule = &rules[i] };
	}
}

static void list_folders(struct sync_tree *tree)
{
	size_t len = map_len(tree->folders);

	tree->list = arena_array(tree->arena, len + 1, sizeof(*tree->list));
	for (size_t i = 0; i < len; i++)
		tree->list[i] = map_key(tree->folders, i);
}

int sync_tree_take(const struct plan *plan, const struct stack_part *parts, size_t len, struct sync_tree **ret,
		   struct error **err)
{
	struct sync_tree *tree = mem_alloc(sizeof(*tree));
	int r;

	tree->arena = arena_new();
	tree->folders = map_new();
	for (size_t i = 0; i < len; i++)
		add_rules(tree, plan, parts[i].service);
	r = ignore_parse(passing, strlen(passing), "editors", &tree->passing, err);
	for (size_t i = 0; i < tree->len && r == 0; i++)
		r = look_at_rule(tree, &tree->rules[i], err);
	list_folders(tree);
	if (r == 0)
		*ret = tree;
	else
		sync_tree_free(tree);
	return r;
}

void sync_tree_free(struct sync_tree *tree)
{
	if (!tree)
		return;
	for (size_t i = 0; i < tree->len; i++) {
		ignore_free(tree->rules[i].build);
		ignore_free(tree->rules[i].ignore);
		ignore_free(tree->rules[i].include);
		map_free(tree->rules[i].files);
	}
	free(tree->rules);
	ignore_free(tree->passing);
	map_free(tree->folders);
	arena_free(tree->arena);
	free(tree);
}

const char *const *sync_tree_folders(const struct sync_tree *tree)
{
	return tree->list;
}

bool sync_tree_covers(const struct sync_tree *tree, const char *service, const char *path)
{
	bool covered = false, folder = fs_is_dir(path);

	for (size_t i = 0; i < tree->len; i++) {
		const struct sync_rule *rule = &tree->rules[i];
		const char *inside = path_relative(rule->rule->path.s, path);

		if (strcmp(rule->service->name.s, service) != 0 || !inside)
			continue;
		if (rule->rule->action == WATCH_REBUILD && sync_counts(tree, rule, inside, folder))
			return false;
		covered = true;
	}
	return covered;
}

/* ---- changes ---- */

struct sync_changes {
	struct arena *arena;
	struct sync_change *items;
	size_t len, cap;
};

static void sync_add_change(struct sync_changes *changes, const struct sync_rule *rule, const char *path, mode_t mode,
			    bool removed)
{
	const struct watch_rule *from = rule->rule;
	cleanup_free char *full = sync_path(from->path.s, path);
	cleanup_free char *to = from->target.s ? sync_path(from->target.s, path) : NULL;

	mem_reserve(&changes->items, &changes->cap, changes->len + 1, sizeof(*changes->items));
	changes->items[changes->len++] = (struct sync_change){
		.service = rule->service,
		.rule = from,
		.from = arena_strdup(changes->arena, full),
		.to = arena_strdup(changes->arena, to),
		.removed = removed,
		.folder = S_ISDIR(mode),
	};
}

static bool sync_same(const struct sync_file *a, const struct sync_file *b)
{
	return S_ISDIR(a->mode) ? S_ISDIR(b->mode)
				: a->mode == b->mode && memcmp(&a->stamp, &b->stamp, sizeof(a->stamp)) == 0;
}

/* A folder that has become a file, or the other way round, was removed first. */
static void compare_rule(struct sync_changes *changes, const struct sync_rule *before, const struct sync_rule *now)
{
	for (size_t i = 0; before && i < map_len(before->files); i++) {
		const struct sync_file *was = map_value(before->files, i);
		const struct sync_file *is = map_get(now->files, map_key(before->files, i));

		if (!is || S_ISDIR(was->mode) != S_ISDIR(is->mode))
			sync_add_change(changes, before, map_key(before->files, i), was->mode, true);
	}
	for (size_t i = 0; i < map_len(now->files); i++) {
		const struct sync_file *is = map_value(now->files, i);
		const struct sync_file *was = before ? map_get(before->files, map_key(now->files, i)) : NULL;

		if (!was || !sync_same(was, is))
			sync_add_change(changes, now, map_key(now->files, i), is->mode, false);
	}
}

size_t sync_tree_changes(const struct sync_tree *before, const struct sync_tree *now, struct arena *arena,
			 struct sync_change **ret)
{
	struct sync_changes changes = { .arena = arena };

	for (size_t i = 0; i < now->len; i++) {
		const struct watch_rule *rule = now->rules[i].rule;

		if (rule->action == WATCH_REBUILD || (!before && !(rule->initial_sync && rule->target.s)))
			continue;
		compare_rule(&changes, before ? &before->rules[i] : NULL, &now->rules[i]);
	}
	*ret = changes.items;
	return changes.len;
}
