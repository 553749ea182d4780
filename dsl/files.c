#include "config.h"

#include <limits.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/diag.h"
#include "base/error.h"
#include "base/fs.h"
#include "base/map.h"
#include "base/mem.h"
#include "dsl/bake.h"
#include "dsl/dotenv.h"
#include "dsl/draft.h"
#include "dsl/files.h"
#include "dsl/load.h"
#include "dsl/node.h"
#include "dsl/outside.h"
#include "dsl/schema.h"
#include "dsl/scope.h"
#include "dsl/unit.h"
#include "dsl/yaml.h"

#define ENV_FILE_MAX (1024 * 1024) /* bytes */

void files_cleanup(struct files *files)
{
	bake_free(files->bake);
	map_free(files->included);
	free(files->paths);
	free(files->remotes.items);
	error_free(files->unread);
}

/* A path that is missing or not a file is a wrong name: the user's fault. */
static int usage(struct error **err, struct error *error)
{
	if (!error_unreadable(error))
		error->cls = ERROR_USAGE;
	return error_move(err, &error);
}

static void remember(struct files *files, const char *path)
{
	cleanup_free char *absolute = path_absolute(path, NULL);

	mem_reserve(&files->paths, &files->paths_cap, files->paths_len + 1, sizeof(*files->paths));
	files->paths[files->paths_len++] = arena_strdup(files->arena, absolute ? absolute : path);
}

static void add_real(struct files *files, struct unit *unit, const char *path)
{
	cleanup_free char *real = realpath(path, NULL);
	const char **more = arena_array(files->arena, unit->files_len + 1, sizeof(*more));

	if (unit->files_len)
		memcpy(more, unit->files, unit->files_len * sizeof(*more));
	more[unit->files_len++] = arena_strdup(files->arena, real ? real : path);
	unit->files = more;
}

/* `input`: instead of a file. */
static int files_read_text(const char *path, const struct buf *input, struct buf *text, struct error **err)
{
	static const char bom[] = "\xef\xbb\xbf";
	struct error *error = NULL;

	buf_str(text, "");
	if (input)
		buf_add(text, input->data, input->len);
	else if (fs_read(path, YAML_BYTES_MAX, text, &error) < 0)
		return usage(err, error);
	if (text->len >= 3 && !memcmp(text->data, bom, 3)) {
		memmove(text->data, text->data + 3, text->len - 3);
		text->len -= 3;
	}
	return 0;
}

static bool files_fit(struct files *files, uint32_t file)
{
	if (files->bytes <= YAML_BYTES_MAX)
		return true;
	diags_add(files->diags, (struct pos){ file, 1, 1 }, NULL,
		  "the manifest's files are longer than %u MiB together", YAML_BYTES_MAX >> 20);
	return false;
}

/* NULL after a complaint. */
static struct yaml_node *parse_file(struct files *files, uint32_t file, const struct buf *text)
{
	struct yaml_node *tree;

	files->bytes += text->len;
	if (!files_fit(files, file))
		return NULL;
	tree = yaml_parse(files->arena, files->diags, file, text->data, text->len, &files->nodes);
	if (!tree || tree->kind == NODE_MAP)
		return tree;
	if (tree->kind == NODE_NULL)
		return node_map(files->arena, (struct pos){ file, 1, 1 }, NULL, 0);
	if (tree->kind != NODE_BROKEN)
		diags_add(files->diags, tree->pos, "it begins with keys such as \"services:\"",
			  "a manifest must be a map, but this is %s", node_type_name(tree));
	return NULL;
}

static bool has_own(const struct schema *schema, const struct yaml_node *map)
{
	for (size_t i = 0; map && map->kind == NODE_MAP && i < map->len; i++) {
		const struct schema_key *key = schema_find(schema, map->entries[i].key);

		if (key && (key->flags & FLAG_OWN))
			return true;
	}
	return false;
}

/* Decided by its name; a file of another name is compose's when it has none of cbuild's own keys. */
static bool is_compose(const char *path, const struct yaml_node *tree)
{
	const struct yaml_node *services = node_get(tree, "services");
	const char *name = path_base(path);

	if (strstr(name, "compose"))
		return true;
	if (!strncmp(name, "services.", strlen("services.")) || has_own(&schema_root, tree))
		return false;
	for (size_t i = 0; services && services->kind == NODE_MAP && i < services->len; i++)
		if (has_own(&schema_service, services->entries[i].value))
			return false;
	return true;
}

/* Bake files are evaluated together, once all are there. */
static void take_bake(struct files *files, struct unit *unit, uint32_t file, const struct buf *text, const char *path)
{
	if (unit->parent) {
		diags_add(files->diags, unit->pos, "name it with -f", "a bake file cannot be included");
		return;
	}
	files->bytes += text->len;
	if (!files_fit(files, file))
		return;
	if (!files->bake)
		files->bake = bake_new(files->arena, files->diags, files->options);
	if (unit->files_len == 1)
		unit->compose = true;
	bake_add(files->bake, file, path);
}

int files_read(struct files *files, struct unit *unit, const char *path, const char *shown, struct yaml_node **ret,
	       struct error **err)
{
	struct buf text cleanup_buf = { 0 };
	bool given = !unit->parent && files->given;
	const struct buf *input = given && strcmp(path, "-") == 0 ? files->options->input : NULL;
	const struct yaml_node *vars;
	uint32_t file;

	if (!input)
		remember(files, path);
	if (!given && outside_refuse(files->inside, path, err) < 0)
		return -1;
	if (files_read_text(path, input, &text, err) < 0)
		return -1;
	files->count++;
	add_real(files, unit, path);
	file = diags_source(files->diags, input ? "standard input" : shown, text.data, text.len);
	if (!given && files->count > 1 && !outside_is_manifest(text.data))
		diags_hide(files->diags, file, "this does not look like a manifest");
	unit_add_text(files->units, unit, file);
	if (bake_is_file(path, text.data)) {
		take_bake(files, unit, file, &text, path);
		*ret = NULL;
		return 0;
	}
	*ret = parse_file(files, file, &text);
	if (unit->files_len == 1 && *ret)
		unit->compose = (unit->parent && unit->parent->compose) || is_compose(path, *ret);
	vars = *ret ? node_get(*ret, "vars") : NULL;
	if (vars && vars->kind == NODE_MAP)
		scope_add_vars(files->scope, unit, vars);
	return 0;
}

/* The names of a section, with their entries. */
static struct map *index_section(struct files *files, const struct yaml_node *tree, const char *section)
{
	const struct yaml_node *node = node_get(tree, section);
	struct map *map = map_new();

	for (size_t i = 0; node && node->kind == NODE_MAP && i < node->len; i++) {
		const struct entry *entry = &node->entries[i];

		map_set(map, entry->key, (void *)entry);
		if (entry->value->kind == NODE_SCALAR || entry->value->kind == NODE_LIST)
			diags_add(files->diags, entry->value->pos, NULL,
				  "each of the \"%s\" must be a map, but this is %s", section,
				  node_type_name(entry->value));
	}
	return map;
}

static const struct unit *extend_new(struct files *files, const struct unit *from, const struct text *name,
				     const char *path)
{
	struct unit *unit = unit_new(files->units, from, name->pos);
	struct yaml_node *tree = NULL;
	struct error *error = NULL;

	unit->draft = arena_alloc(files->arena, sizeof(*unit->draft));
	files_place(files, unit, name->s, NULL);
	if (files_read(files, unit, path, unit->name, &tree, &error) < 0)
		files_unread(files, name, path, "manifest", error);
	if (!tree)
		return NULL;
	unit->services = index_section(files, tree, "services");
	unit->templates = index_section(files, tree, "templates");
	return unit;
}

const struct unit *files_extend(struct files *files, const struct text *name)
{
	const struct unit *from = unit_at(files->units, name->pos), *unit;
	const char *path = files_join(files, from->dir, name->s), *id;
	cleanup_free char *real = realpath(path, NULL);

	if (!files_local(files, name, "extends"))
		return NULL;
	for (size_t i = 0; real && i < from->files_len; i++)
		if (!strcmp(from->files[i], real))
			return from;
	id = arena_printf(files->arena, "extends %s", real ? real : path);
	unit = map_get(files->included, id);
	if (unit)
		return unit->services ? unit : NULL; /* its faults were already reported */
	if (!files_allow(files, from, name->pos))
		return NULL;
	unit = extend_new(files, from, name, path);
	map_set(files->included, id, (void *)(unit ? unit : files->units->items[files->units->len - 1]));
	return unit;
}

int files_add_env(struct files *files, struct unit *unit, const char *path, const char *shown, bool optional,
		  struct error **err)
{
	struct buf text cleanup_buf = { 0 };
	struct error *error = NULL;
	struct dotenv_var *vars;
	bool found = true;
	size_t len;
	uint32_t file;

	remember(files, path);
	/* A file named on the command line is no longer optional. */
	if ((unit->parent || optional) && outside_refuse(files->inside, path, err) < 0)
		return -1;
	if ((optional ? fs_read_if(path, ENV_FILE_MAX, &text, &found, &error)
		      : fs_read(path, ENV_FILE_MAX, &text, &error)) < 0)
		return usage(err, error);
	if (!found || !text.len)
		return 0;
	file = diags_source(files->diags, shown, text.data, text.len);
	diags_hide(files->diags, file, NULL);
	unit_add_text(files->units, unit, file);
	if (memchr(text.data, '\0', text.len)) {
		diags_add(files->diags, diags_pos_at(files->diags, file, strlen(text.data)), NULL,
			  "the file contains a NUL byte");
		return 0;
	}
	dotenv_parse(files->arena, files->diags, file, text.data, text.len, &vars, &len);
	scope_add_env_file(files->scope, unit, vars, len);
	return 0;
}

const char *files_join(struct files *files, const char *dir, const char *path)
{
	cleanup_free char *joined = path_join(dir, path);
	cleanup_free char *cleaned = path_clean(joined);

	return arena_strdup(files->arena, cleaned);
}

bool files_local(struct files *files, const struct text *name, const char *key)
{
	const char *s = name->s;

	if (!strstr(s, "://") && strncmp(s, "git@", 4) != 0 && strncmp(s, "oci:", 4) != 0 &&
	    strncmp(s, "github.com/", 11) != 0)
		return true;
	diags_add(files->diags, name->pos, "fetch it first, and name the file",
		  "\"%s\" takes files, and \"%s\" is not one", key, s);
	return false;
}

bool files_allow(struct files *files, const struct unit *from, struct pos pos)
{
	size_t depth = 0;

	for (const struct unit *unit = from; unit; unit = unit->parent)
		depth++;
	if (depth >= FILES_DEPTH_MAX)
		diags_add(files->diags, pos, NULL, "manifests include each other more than %d levels deep",
			  FILES_DEPTH_MAX);
	else if (files->count >= FILES_MAX)
		diags_add(files->diags, pos, NULL, "the manifest is made of more than %d files", FILES_MAX);
	else
		return true;
	return false;
}

void files_place(struct files *files, struct unit *unit, const char *first, const char *dir)
{
	const struct unit *parent = unit->parent;
	cleanup_free char *beside = path_dir(first);

	unit->name = files_join(files, parent->shown, first);
	unit->dir = files_join(files, parent->dir, dir ? dir : beside);
	unit->shown = files_join(files, parent->shown, dir ? dir : beside);
}

void files_unread(struct files *files, const struct text *name, const char *path, const char *what, struct error *error)
{
	if (error_unreadable(error))
		error_move(&files->unread, &error);
	else if (error->remedy || fs_exists(path))
		diags_add(files->diags, name->pos, error->remedy, "cannot read the %s: %s", what, error->message);
	else
		diags_add(files->diags, name->pos, NULL, "there is no %s \"%s\"", what, name->s);
	error_free(error);
}
