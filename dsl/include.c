#include "config.h"

#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/diag.h"
#include "base/error.h"
#include "base/fs.h"
#include "base/git_url.h"
#include "base/map.h"
#include "base/mem.h"
#include "base/remote.h"
#include "dsl/decode.h"
#include "dsl/files.h"
#include "dsl/interp.h"
#include "dsl/load.h"
#include "dsl/manifest.h"
#include "dsl/merge.h"
#include "dsl/node.h"
#include "dsl/outside.h"
#include "dsl/schema.h"
#include "dsl/scope.h"
#include "dsl/unit.h"

/* `include` (compose-spec, 14-include): each item is a manifest of its own, whose relative paths start in its own
 * folder. Its definitions become part of the whole manifest; its own defaults (registry, platforms, tags, vars)
 * apply to it alone. */

/* Sections that all files share, with their names. */
static const char *const sections[] = {
	"services", "templates", "groups", "secrets", "registries", "configs", "models", "networks", "volumes",
};

enum { SECTIONS = sizeof(sections) / sizeof(sections[0]) };

/* The sections that an included manifest contributes. */
struct bringing {
	struct yaml_node **trees;
	size_t len, cap;
};

/* One item of `include`. */
struct include_item {
	struct texts paths;
	struct text dir; /* s NULL: the first path's */
	struct texts env_files;
	struct pos pos;
};

static bool decode_path(struct decode *d, const char *name, const struct yaml_node *node, struct texts *ret)
{
	const struct schema_key key = { .name = name, .type = TYPE_TEXTS, .flags = FLAG_FILLED };

	return decode_texts(d, &key, node, ret);
}

static bool include_decode_item(struct decode *d, const struct yaml_node *node, struct include_item *ret)
{
	static const struct schema_key dir_key = { .name = "project_directory", .type = TYPE_TEXT, .flags = FLAG_FILLED };
	const struct yaml_node *path, *dir, *env_file;

	ret->pos = node->pos;
	if (node->kind == NODE_SCALAR)
		return decode_path(d, "include", node, &ret->paths);
	if (node->kind != NODE_MAP) {
		if (node->kind != NODE_BROKEN)
			diags_add(d->diags, node->pos,
				  "write a path, or {path: ..., project_directory: ..., env_file: ...}",
				  "an item of \"include\" must be a path or a map, but this is %s", node_type_name(node));
		return false;
	}
	path = node_get(node, "path");
	dir = node_get(node, "project_directory");
	env_file = node_get(node, "env_file");
	decode_known(d, schema_find(&schema_root, "include"), node, "an item of \"include\"");
	if (!path || (path->kind != NODE_BROKEN && !path->len)) {
		diags_add(d->diags, node->pos, NULL, "an item of \"include\" needs \"path\"");
		return false;
	}
	if (dir && dir->kind != NODE_NULL && !decode_text(d, &dir_key, dir, &ret->dir))
		return false;
	if (env_file && env_file->kind != NODE_NULL && !decode_path(d, "env_file", env_file, &ret->env_files))
		return false;
	return decode_path(d, "path", path, &ret->paths);
}

/* Two reads of a file are the same if everything that affects its meaning is the same. */
static const char *identity(struct files *files, const struct unit *unit, const struct include_item *item)
{
	struct buf text cleanup_buf = { 0 };

	buf_printf(&text, "%s\n", unit->dir);
	for (size_t i = 0; i < item->paths.len; i++)
		buf_printf(&text, "%s\n", unit->files[i]);
	for (size_t i = 0; i < item->env_files.len; i++)
		buf_printf(&text, "\n%s", files_join(files, unit->parent->dir, item->env_files.items[i].s));
	return arena_strdup(files->arena, text.data);
}

/* Reports the cycle, from the unit that is included again down to the one that includes it. */
static void include_complain_cycle(struct files *files, const struct unit *first, const struct unit *last, struct pos pos)
{
	const struct unit *chain[FILES_DEPTH_MAX + 1];
	struct buf path cleanup_buf = { 0 };
	size_t len = 0;

	for (const struct unit *unit = last; unit != first; unit = unit->parent)
		chain[len++] = unit;
	buf_printf(&path, "%s -> ", first->name);
	for (size_t i = len; i-- > 0;)
		buf_printf(&path, "%s -> ", chain[i]->name);
	diags_add(files->diags, len ? chain[len - 1]->pos : pos, NULL, "\"%s\" includes itself: %s%s", first->name,
		  path.data, first->name);
	for (size_t i = len; i-- > 0;)
		diags_note(files->diags, i ? chain[i - 1]->pos : pos, "\"%s\" includes \"%s\" here", chain[i]->name,
			   i ? chain[i - 1]->name : first->name);
}

/* Finds the real path of each file of an item; false after a complaint. */
static bool find_files(struct files *files, struct unit *unit, const struct include_item *item)
{
	const char **reals = arena_array(files->arena, item->paths.len, sizeof(*reals));

	for (size_t i = 0; i < item->paths.len; i++) {
		const struct text *path = &item->paths.items[i];
		const char *absolute = files_join(files, unit->parent->dir, path->s);
		cleanup_free char *real = realpath(absolute, NULL);
		const struct unit *again = real ? unit_holding(unit->parent, real) : NULL;

		if (again) {
			include_complain_cycle(files, again, unit->parent, path->pos);
			return false;
		}
		reals[i] = arena_strdup(files->arena, real ? real : absolute);
	}
	unit->files = reals;
	return true;
}

static void read_env(struct files *files, struct unit *unit, const struct include_item *item)
{
	const struct text beside = { ".env", item->paths.items[0].pos };
	const struct texts dotenv = { (struct text *)&beside, 1 };
	const struct texts *names = item->env_files.len ? &item->env_files : &dotenv;
	const struct unit *from = item->env_files.len ? unit->parent : unit;

	for (size_t i = 0; i < names->len; i++) {
		const struct text *name = &names->items[i];
		const char *path = files_join(files, from->dir, name->s);
		struct error *error = NULL;

		if (files_add_env(files, unit, path, files_join(files, from->shown, name->s), names == &dotenv, &error) <
		    0)
			files_unread(files, name, path, "env file", error);
	}
}

/* The merged files of one item; NULL after a complaint. */
static struct yaml_node *include_read_files(struct files *files, struct unit *unit, const struct include_item *item)
{
	struct yaml_node *tree = NULL;

	unit->files_len = 0; /* each file is added as it is read */
	for (size_t i = 0; i < item->paths.len; i++) {
		const struct text *name = &item->paths.items[i];
		const char *path = files_join(files, unit->parent->dir, name->s);
		struct error *error = NULL;

		if (files_add(files, unit, path, files_join(files, unit->parent->shown, name->s), &tree, &error) < 0) {
			files_unread(files, name, path, "manifest", error);
			return NULL;
		}
	}
	return tree;
}

/* Sections that stay private to the included manifest. */
static struct yaml_node *own_part(struct files *files, const struct yaml_node *tree)
{
	struct entry *entries = arena_array(files->arena, tree->len + 1, sizeof(*entries));
	size_t len = 0;

	for (size_t i = 0; i < tree->len; i++) {
		bool shared = false;

		for (size_t j = 0; j < SECTIONS; j++)
			shared = shared || !strcmp(tree->entries[i].key, sections[j]);
		if (!shared)
			entries[len++] = tree->entries[i];
	}
	entries[len++] = (struct entry){ "services", tree->pos, node_map(files->arena, tree->pos, NULL, 0) };
	return node_map(files->arena, tree->pos, entries, len);
}

/* The manifest of a folder that was fetched, or the file itself; in the arena. */
static const char *manifest_in(struct files *files, const char *path)
{
	static const char *const names[] = { "services.yaml", "services.yml",       "compose.yaml",
					     "compose.yml",   "docker-compose.yml", "docker-compose.yaml" };

	for (size_t i = 0; i < sizeof(names) / sizeof(*names) && fs_is_dir(path); i++) {
		const char *file = arena_join(files->arena, path, "/", names[i], NULL);

		if (fs_exists(file))
			return file;
	}
	return path;
}

/* Where what is at the URL is: NULL after a complaint, or an error for files->unread. */
static const char *fetch_path(struct files *files, const struct text *url, const char **ret_root)
{
	const struct load_options *options = files->options;
	struct git_url git cleanup_git_url = { 0 };
	struct load_place place = { 0 };
	cleanup_free char *joined = NULL;
	const char *why = NULL;

	if (remote_is_git(url->s) && !git_url_parse_folder(url->s, &git, &why)) {
		diags_add(files->diags, url->pos, NULL, "this is no URL of a repository: %s", why);
		return NULL;
	}
	if (!options->fetch) {
		diags_add(files->diags, url->pos, NULL, "nothing can be included from elsewhere here");
		return NULL;
	}
	options->place(options->place_data, url->s, &place);
	if (!place.ready && !files->unread && options->fetch(options->place_data, url->s, &files->unread) == 0)
		options->place(options->place_data, url->s, &place);
	if (!place.ready)
		return NULL;
	*ret_root = *ret_root ? *ret_root : arena_strdup(files->arena, place.root);
	mem_reserve(&files->remotes.items, &files->remotes_cap, files->remotes.len + 1, sizeof(*files->remotes.items));
	files->remotes.items[files->remotes.len++] = *url;
	if (place.text)
		return arena_join(files->arena, place.root, "/context", NULL);
	joined = path_join(place.root, git.subdir ? git.subdir : "");
	return manifest_in(files, arena_strdup(files->arena, joined));
}

static bool stays(struct files *files, const struct unit *parent, const struct text *path)
{
	cleanup_error struct error *error = NULL;

	if (outside_refuse(parent->fetched, files_join(files, parent->dir, path->s), &error) == 0)
		return true;
	diags_add(files->diags, path->pos, NULL, "\"%s\" is outside of what this manifest was fetched with", path->s);
	return false;
}

/* The folder that a manifest from elsewhere is in: that of its URL, or of the manifest that includes it. */
static const char *fetched_with(struct files *files, const struct unit *parent, const char *root)
{
	cleanup_free char *real = root ? realpath(root, NULL) : NULL;

	return real ? arena_strdup(files->arena, real) : parent->fetched;
}

/* *ret_root: of the first path that was fetched. */
static bool find_paths(struct files *files, const struct unit *parent, struct texts *paths, const char **ret_root)
{
	bool good = true;

	for (size_t i = 0; i < paths->len; i++) {
		struct text *path = &paths->items[i];

		if (remote_is(path->s)) {
			path->s = fetch_path(files, path, ret_root);
			good = path->s && good;
			continue;
		}
		good = files_local(files, path, "include") && stays(files, parent, path) && good;
	}
	return good;
}

static void include_item(struct files *files, struct unit *parent, const struct yaml_node *node, struct bringing *ret)
{
	struct decode d = { files->arena, files->diags, files->scope };
	struct include_item item = { 0 };
	struct unit *unit;
	struct yaml_node *tree;
	const char *id, *root = NULL;

	if (!include_decode_item(&d, node, &item) || !find_paths(files, parent, &item.paths, &root) ||
	    !files_allow(files, parent, item.pos))
		return;
	unit = unit_new(files->units, parent, item.paths.items[0].pos);
	unit->fetched = fetched_with(files, parent, root);
	files_place(files, unit, item.paths.items[0].s, item.dir.s);
	if (!find_files(files, unit, &item))
		return;
	id = identity(files, unit, &item);
	if (map_set(files->included, id, unit))
		return; /* its contribution is already there */
	read_env(files, unit, &item);
	tree = include_read_files(files, unit, &item);
	if (!tree)
		return;
	unit->top = own_part(files, tree);
	mem_reserve(&ret->trees, &ret->cap, ret->len + 1, sizeof(struct yaml_node *));
	ret->trees[ret->len++] = tree;
}

/* A definition that does not depend on its folder may be repeated. */
static bool is_same(const char *section, const struct yaml_node *a, const struct yaml_node *b)
{
	static const char *const own[] = { "services", "templates", "groups" };

	for (size_t i = 0; i < sizeof(own) / sizeof(own[0]); i++)
		if (!strcmp(section, own[i]))
			return false;
	return node_equal(a, b) && (strcmp(section, "secrets") != 0 || !node_get(a, "file"));
}

static void complain_twice(struct files *files, const char *section, const struct entry *entry, const struct entry *first)
{
	bool registry = strcmp(section, "registries") == 0;
	int len = registry ? (int)strlen("registry") : (int)strlen(section) - 1;

	if (is_same(section, entry->value, first->value))
		return;
	diags_add(files->diags, entry->pos, NULL, "the %.*s \"%s\" is defined in two manifests", len,
		  registry ? "registry" : section, entry->key);
	diags_note(files->diags, first->pos, "first defined here");
}

/* A file's own values are merged over those of the files it includes. */
static void override(struct files *files, const char *section, struct entry *own, const struct entry *brought)
{
	const struct schema_key *key = schema_find(&schema_root, section);

	if (own->value->kind == NODE_MAP && brought->value->kind == NODE_MAP && own->value->tag == NODE_PLAIN)
		own->value = merge_nodes(files->arena, key->sub, brought->value, own->value);
	own->pos = brought->pos; /* its relative paths start there */
}

/* One section of the tree, merged with that of all included trees. */
static struct yaml_node *include_gather(struct files *files, const char *section, const struct yaml_node *own,
					const struct bringing *bringing)
{
	struct map *names cleanup_map = map_new();
	struct entry *entries;
	size_t room = own ? own->len : 0, len = 0;

	for (size_t i = 0; i < bringing->len; i++) {
		const struct yaml_node *node = node_get(bringing->trees[i], section);

		room += node && node->kind == NODE_MAP ? node->len : 0;
	}
	entries = arena_array(files->arena, room, sizeof(*entries));
	for (size_t i = 0; i <= bringing->len; i++) {
		const struct yaml_node *node = i ? node_get(bringing->trees[i - 1], section) : own;

		for (size_t j = 0; node && node->kind == NODE_MAP && j < node->len; j++) {
			struct entry *first = map_get(names, node->entries[j].key);

			if (first && own && first >= entries && first < entries + own->len) {
				override(files, section, first, &node->entries[j]);
				continue;
			}
			if (first) {
				complain_twice(files, section, &node->entries[j], first);
				continue;
			}
			entries[len] = node->entries[j];
			map_set(names, entries[len].key, &entries[len]);
			len++;
		}
	}
	return node_map(files->arena, own ? own->pos : (struct pos){ 0 }, entries, len);
}

/* A section that is not a map is left as it is; decoding will complain. */
static void complain_shapes(struct files *files, const struct bringing *bringing)
{
	for (size_t i = 0; i < bringing->len; i++) {
		for (size_t j = 0; j < SECTIONS; j++) {
			const struct yaml_node *node = node_get(bringing->trees[i], sections[j]);

			if (node && (node->kind == NODE_SCALAR || node->kind == NODE_LIST))
				diags_add(files->diags, node->pos, NULL, "\"%s\" must be a map, but this is %s",
					  sections[j], node_type_name(node));
		}
	}
}

static struct yaml_node *join_trees(struct files *files, const struct yaml_node *tree, const struct bringing *bringing)
{
	struct entry *entries = arena_array(files->arena, tree->len + SECTIONS, sizeof(*entries));
	size_t len = 0;

	for (size_t i = 0; i < tree->len; i++)
		if (strcmp(tree->entries[i].key, "include") != 0)
			entries[len++] = tree->entries[i];
	for (size_t j = 0; j < SECTIONS; j++) {
		struct entry *own = node_entry(tree, sections[j]);
		struct yaml_node *node;
		size_t at = 0;

		if (own && own->value->kind != NODE_MAP && own->value->kind != NODE_NULL)
			continue;
		node = include_gather(files, sections[j], own && own->value->kind == NODE_MAP ? own->value : NULL,
				      bringing);
		while (at < len && strcmp(entries[at].key, sections[j]) != 0)
			at++;
		if (at < len)
			entries[at].value = node;
		else if (node->len || !strcmp(sections[j], "services"))
			entries[len++] =
				(struct entry){ sections[j], node->len ? node->entries[0].pos : tree->pos, node };
	}
	return node_map(files->arena, tree->pos, entries, len);
}

struct yaml_node *files_include(struct files *files, struct unit *unit, struct yaml_node *tree)
{
	struct yaml_node *include = node_get(tree, "include");
	struct bringing bringing = { 0 };

	if (!include)
		return tree;
	include = interp_node(scope_interp(files->scope), NULL, include);
	if (include->kind == NODE_SCALAR || include->kind == NODE_MAP)
		diags_add(files->diags, include->pos, "write a list: \"- path\"",
			  "\"include\" must be a list, but this is %s", node_type_name(include));
	for (size_t i = 0; include->kind == NODE_LIST && i < include->len; i++)
		include_item(files, unit, include->items[i], &bringing);
	complain_shapes(files, &bringing);
	tree = join_trees(files, tree, &bringing);
	free(bringing.trees);
	return tree;
}
