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
#include "dsl/dotenv.h"
#include "dsl/files.h"
#include "dsl/merge.h"
#include "dsl/node.h"
#include "dsl/schema.h"
#include "dsl/scope.h"
#include "dsl/unit.h"
#include "dsl/yaml.h"

#define ENV_FILE_MAX (1024 * 1024) /* bytes */

void files_cleanup(struct files *files)
{
	map_free(files->included);
	free(files->paths);
}

/* Whatever cannot be read was named by the user. */
static int usage(struct error **err, struct error *error)
{
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

static int read_text(const char *path, struct buf *text, struct error **err)
{
	static const char bom[] = "\xef\xbb\xbf";
	struct error *error = NULL;

	buf_str(text, "");
	if (fs_read(path, YAML_BYTES_MAX, text, &error) < 0)
		return usage(err, error);
	if (text->len >= 3 && !memcmp(text->data, bom, 3)) {
		memmove(text->data, text->data + 3, text->len - 3);
		text->len -= 3;
	}
	return 0;
}

/* NULL after a complaint. */
static struct node *parse(struct files *files, uint32_t file, const struct buf *text)
{
	struct node *tree;

	files->bytes += text->len;
	if (files->bytes > YAML_BYTES_MAX) {
		diags_add(files->diags, (struct pos){ file, 1, 1 }, NULL,
			  "the manifest's files are longer than %u MiB together", YAML_BYTES_MAX >> 20);
		return NULL;
	}
	tree = yaml_parse(files->arena, files->diags, file, text->data, text->len, &files->nodes);
	if (!tree || tree->kind == NODE_MAP)
		return tree;
	if (tree->kind == NODE_NULL)
		diags_add(files->diags, (struct pos){ file, 1, 1 }, "it needs \"services\"", "the manifest is empty");
	else if (tree->kind != NODE_BROKEN)
		diags_add(files->diags, tree->pos, "it begins with keys such as \"services:\"",
			  "a manifest must be a map, but this is %s", node_type_name(tree));
	return NULL;
}

int files_add(struct files *files, struct unit *unit, const char *path, const char *shown, struct node **tree,
	      struct error **err)
{
	struct buf text cleanup_buf = { 0 };
	const struct node *vars;
	struct node *node;
	uint32_t file;

	remember(files, path);
	if (read_text(path, &text, err) < 0)
		return -1;
	files->count++;
	add_real(files, unit, path);
	file = diags_source(files->diags, shown, text.data, text.len);
	unit_add_text(files->units, unit, file);
	node = parse(files, file, &text);
	if (!node)
		return 0;
	vars = node_get(node, "vars");
	if (vars && vars->kind == NODE_MAP)
		scope_add_vars(files->scope, unit, vars);
	node = files_include(files, unit, node);
	if (*tree)
		*tree = merge_nodes(files->arena, &schema_root, *tree, node);
	else if (unit->files_len == 1)
		*tree = node;
	return 0;
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
	if ((optional ? fs_read_if(path, ENV_FILE_MAX, &text, &found, &error)
		      : fs_read(path, ENV_FILE_MAX, &text, &error)) < 0)
		return usage(err, error);
	if (!found || !text.len)
		return 0;
	file = diags_source(files->diags, shown, text.data, text.len);
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
