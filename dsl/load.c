#include "config.h"

#include <limits.h>
#include <string.h>

#include "base/buf.h"
#include "base/error.h"
#include "base/fs.h"
#include "base/map.h"
#include "base/mem.h"
#include "dsl/bake.h"
#include "dsl/decode.h"
#include "dsl/draft.h"
#include "dsl/files.h"
#include "dsl/interp.h"
#include "dsl/load.h"
#include "dsl/loaded.h"
#include "dsl/merge.h"
#include "dsl/node.h"
#include "dsl/resolve.h"
#include "dsl/schema.h"
#include "dsl/scope.h"
#include "dsl/services.h"
#include "dsl/unit.h"

/* The state of one load. */
struct load {
	const struct load_options *options;
	struct diags *diags;
	struct loaded *loaded;
	struct arena *arena;
	struct units *units;
	struct files *files;
	struct scope *scope;
	struct decode decode;
	struct merge merge;
	struct draft draft;
	bool bake; /* the first file is a bake file: paths start where cbuild is called, and no ".env" is read */
};

/* A map of the top level; NULL when it is missing or was complained about. */
static const struct yaml_node *take_map(struct load *load, const struct yaml_node *node, const char *name)
{
	if (!node || node->kind == NODE_NULL || node->kind == NODE_BROKEN)
		return NULL;
	if (node->kind == NODE_MAP)
		return node;
	diags_add(load->diags, node->pos, NULL, "\"%s\" must be a map, but this is %s", name, node_type_name(node));
	return NULL;
}

static void index_names(struct map *map, const struct yaml_node *node)
{
	for (size_t i = 0; node && i < node->len; i++)
		map_set(map, node->entries[i].key, &node->entries[i]);
}

/* The top level, interpolated except for the sections that are handled one by one. */
static void decode_top(struct load *load, const struct unit *unit, const struct yaml_node *root, struct draft *draft)
{
	struct interp *interp = scope_interp(load->scope);
	struct entry *entries = arena_array(load->arena, root->len, sizeof(*entries));

	for (size_t i = 0; i < root->len; i++) {
		const struct schema_key *key = schema_find(&schema_root, root->entries[i].key);

		entries[i] = root->entries[i];
		if (key && key->type != TYPE_NODE)
			entries[i].value = interp_node(interp, NULL, entries[i].value);
	}
	decode_map(&load->decode, &schema_root, node_map(load->arena, root->pos, entries, root->len), draft);
	scope_check_vars(load->scope, unit);
}

/* Removes what is tagged "!reset", down to services and templates; inside these, the tag removes values of what
 * they extend. */
static struct yaml_node *strip_top(struct load *load, struct yaml_node *root)
{
	struct entry *entries = arena_array(load->arena, root->len, sizeof(*entries));

	root = node_strip(load->arena, root, 1);
	for (size_t i = 0; i < root->len; i++) {
		const struct schema_key *key = schema_find(&schema_root, root->entries[i].key);

		entries[i] = root->entries[i];
		entries[i].value = node_strip(load->arena, entries[i].value, key && key->sub ? 1 : UINT_MAX);
	}
	return node_map(load->arena, root->pos, entries, root->len);
}

/* The included manifests: the defaults for their own services. */
static void decode_included(struct load *load)
{
	for (size_t i = 1; i < load->units->len; i++) {
		struct unit *unit = load->units->items[i];

		unit->draft = arena_alloc(load->arena, sizeof(*unit->draft));
		if (!unit->top)
			continue;
		unit->top = strip_top(load, unit->top);
		take_map(load, node_get(unit->top, "vars"), "vars");
		decode_top(load, unit, unit->top, unit->draft);
	}
}

/* Decodes the whole tree; each part is interpolated where its scope is known. */
static void decode_tree(struct load *load, struct yaml_node *root)
{
	struct map *template_names cleanup_map = map_new();
	struct map *service_names cleanup_map = map_new();
	struct map *used cleanup_map = map_new();
	struct unit *first = load->units->items[0];
	const struct yaml_node *vars = take_map(load, node_get(root, "vars"), "vars");
	const struct yaml_node *templates, *services;
	struct services decoded = { &load->decode, &load->merge, &load->draft };
	struct interp *interp = scope_interp(load->scope);

	if (vars)
		scope_add_vars(load->scope, first, vars);
	first->draft = &load->draft;
	decode_top(load, first, root, first->draft);
	decode_included(load);
	templates = take_map(load, load->draft.templates, "templates");
	services = take_map(load, load->draft.services, "services");
	load->merge = (struct merge){
		.arena = load->arena,
		.diags = load->diags,
		.interp = interp,
		.files = load->files,
		.template_names = template_names,
		.service_names = service_names,
		.used = used,
	};
	index_names(load->merge.template_names, templates);
	index_names(load->merge.service_names, services);
	services_decode(&decoded, services);
	services_check_templates(&decoded, templates);
	services_decode_groups(
		&decoded,
		take_map(load, load->draft.groups_node ? interp_node(interp, NULL, load->draft.groups_node) : NULL,
			 "groups"));
}

static void resolve(struct load *load)
{
	struct resolve resolve = {
		.arena = load->arena,
		.diags = load->diags,
		.options = load->options,
		.scope = load->scope,
		.units = load->units,
		.draft = &load->draft,
		.loaded = load->loaded,
		.bake = load->files->bake,
		.unread = &load->files->unread,
	};

	resolve_manifest(&resolve);
}

/* The service that "web.build.target" begins with: the longest matching name, because names may contain dots. */
static struct entry *set_service(const struct yaml_node *services, const char *name)
{
	struct entry *found = NULL;

	for (size_t i = 0; services->kind == NODE_MAP && i < services->len; i++) {
		struct entry *entry = &services->entries[i];
		size_t len = strlen(entry->key);

		if (!strncmp(entry->key, name, len) && name[len] == '.' && name[len + 1] &&
		    (!found || len > strlen(found->key)))
			found = entry;
	}
	return found;
}

/* --set SERVICE.KEY=VALUE replaces the manifest's value. All other names are variables. */
static struct yaml_node *apply_set(struct load *load, struct yaml_node *root, const char *set)
{
	const struct yaml_node *services = node_get(root, "services");
	const char *equals = strchr(set, '=');
	const char *name = equals ? arena_strndup(load->arena, set, (size_t)(equals - set)) : "";
	const struct entry *service = services ? set_service(services, name) : NULL;
	struct yaml_node *value, *changed;
	uint32_t file;

	if (!service && (!strchr(name, '.') || scope_is_builtin(name)))
		return root;
	file = diags_source(load->diags, "--set", set, strlen(set));
	if (!service)
		diags_add(load->diags, diags_pos_at(load->diags, file, 0), "variable names have no dots",
			  "there is no service that \"%s\" could belong to", name);
	if (!service || service->value->kind != NODE_MAP)
		return root;
	value = node_scalar(load->arena, diags_pos_at(load->diags, file, (size_t)(equals - set) + 1), equals + 1);
	changed = merge_set(load->arena, &schema_service, service->value, name + strlen(service->key) + 1, value);
	changed = merge_set(load->arena, NULL, services, service->key, changed);
	return merge_set(load->arena, NULL, root, "services", changed);
}

/* Reads the env files: those given, else ".env" beside the manifest if it exists. */
static int read_env_files(const struct load_options *options, struct files *files, struct unit *first, struct error **err)
{
	cleanup_free char *path = path_join(first->dir, ".env");
	cleanup_free char *joined = path_join(first->shown, ".env");
	cleanup_free char *shown = path_clean(joined);
	const char *const *given = options->env_files;

	if (!given || !given[0])
		return files_add_env(files, first, path, shown, true, err);
	for (; *given; given++)
		if (files_add_env(files, first, *given, *given, false, err) < 0)
			return -1;
	return 0;
}

char *load_outside(const struct load_options *options, const char *name)
{
	struct arena *arena = arena_new();
	struct diags *diags = diags_new();
	struct units units = { .arena = arena };
	struct scope *scope = scope_new(arena, diags, options, &units);
	struct files files = { .arena = arena, .diags = diags, .scope = scope, .units = &units, .options = options };
	struct unit *first = unit_new(&units, NULL, (struct pos){ 0 });
	const char *found;
	char *value;

	first->dir = first->shown = ".";
	read_env_files(options, &files, first, NULL);
	found = scope_environ(scope, name, (struct pos){ 0 });
	value = found ? mem_strdup(found) : NULL;
	files_cleanup(&files);
	scope_free(scope);
	diags_free(diags);
	units_cleanup(&units);
	arena_free(arena);
	return value;
}

/* Bake's targets, over the services of compose files: bake reads those first, in whatever order they are named. */
static void add_bake(struct load *load, struct yaml_node **root)
{
	struct yaml_node *tree = bake_tree(load->files->bake, *root ? node_get(*root, "services") : NULL);

	if (tree && *root)
		tree = merge_nodes(load->arena, &schema_root, *root, tree);
	*root = tree;
}

/* Reads the first manifest, those merged over it, and everything they include. */
static int read_all(struct load *load, struct yaml_node **root, struct error **err)
{
	const struct load_options *options = load->options;
	struct unit *first = unit_new(load->units, NULL, (struct pos){ 0 });
	cleanup_free char *beside = load->bake ? mem_strdup(".") : path_dir(options->path);

	first->name = options->path;
	first->dir = load->loaded->manifest.dir;
	first->shown = arena_strdup(load->arena, beside);
	if ((!load->bake && read_env_files(options, load->files, first, err) < 0) ||
	    files_add(load->files, first, options->path, options->path, root, err) < 0)
		return -1;
	for (size_t i = 0; options->overlays && options->overlays[i]; i++)
		if (files_add(load->files, first, options->overlays[i], options->overlays[i], root, err) < 0)
			return -1;
	if (load->files->bake)
		add_bake(load, root);
	load->loaded->manifest.last_wins = load->files->bake != NULL;
	return 0;
}

static void keep_paths(struct load *load)
{
	struct manifest *manifest = &load->loaded->manifest;
	const struct files *files = load->files;

	manifest->remotes.len = files->remotes.len;
	manifest->remotes.items = arena_array(load->arena, files->remotes.len, sizeof(*manifest->remotes.items));
	for (size_t i = 0; i < files->remotes.len; i++)
		manifest->remotes.items[i] = files->remotes.items[i];
	manifest->files_len = files->paths_len;
	manifest->files = arena_array(load->arena, files->paths_len, sizeof(*manifest->files));
	if (files->paths_len) /* none: it came from standard input */
		memcpy(manifest->files, files->paths, files->paths_len * sizeof(*manifest->files));
}

/* Unset variables count as empty and may have caused the other complaints. */
static void tell_notes(struct load *load)
{
	const struct texts *notes = &scope_interp(load->scope)->notes;

	for (size_t i = 0; i < notes->len; i++)
		diags_add(load->diags, notes->items[i].pos, NULL, "%s", notes->items[i].s);
}

/* `before`: the count of diagnostics before anything was read. */
static int load_sections(struct load *load, size_t before, struct error **err)
{
	struct yaml_node *root = NULL;

	if (read_all(load, &root, err) < 0)
		return -1;
	for (size_t i = 0; root && !load->files->bake && load->options->sets && load->options->sets[i]; i++)
		root = apply_set(load, root, load->options->sets[i]);
	if (root && load->units->items[0]->compose && !node_get(root, "services"))
		root = merge_set(load->arena, NULL, root, "services", node_map(load->arena, root->pos, NULL, 0));
	if (root) {
		decode_tree(load, strip_top(load, root));
		resolve(load);
		keep_paths(load);
		load->loaded->manifest.notes = scope_interp(load->scope)->notes;
	}
	if (load->files->unread)
		return error_move(err, &load->files->unread);
	if (diags_count(load->diags) == before)
		return 0;
	tell_notes(load);
	return -1;
}

static int load_tree(struct load *load, struct error **err)
{
	size_t before = diags_count(load->diags);
	struct units units cleanup_units = { .arena = load->arena };
	struct scope *scope cleanup_scope = scope_new(load->arena, load->diags, load->options, &units);
	struct files files cleanup_files = {
		.arena = load->arena,
		.diags = load->diags,
		.scope = scope,
		.units = &units,
		.options = load->options,
		.inside = load->options->inside,
		.given = load->options->given,
	};
	int r;

	load->units = &units;
	load->files = &files;
	load->scope = scope;
	load->decode = (struct decode){ load->arena, load->diags, scope };
	files.included = map_new();
	r = load_sections(load, before, err);
	load->units = NULL;
	load->files = NULL;
	load->scope = NULL;
	return r;
}

static bool is_bake(const struct load_options *options)
{
	return bake_is_file(options->path, options->input ? options->input->data : "");
}

char *load_dir(const struct load_options *options, struct error **err)
{
	cleanup_free char *absolute = NULL;

	if (is_bake(options))
		return path_absolute(".", err);
	absolute = path_absolute(options->path, err);
	return absolute ? path_dir(absolute) : NULL;
}

int manifest_load(const struct load_options *options, struct diags *diags, struct manifest **ret, struct error **err)
{
	struct arena *arena = arena_new();
	struct loaded *loaded = arena_alloc(arena, sizeof(*loaded));
	struct load load = { .options = options, .diags = diags, .loaded = loaded, .arena = arena };
	cleanup_free char *dir = load_dir(options, err);

	load.bake = is_bake(options);
	loaded->arena = arena;
	loaded->services = map_new();
	loaded->groups = map_new();
	loaded->manifest.path = arena_strdup(arena, options->path);
	loaded->manifest.dir = arena_strdup(arena, dir);
	if (!dir || load_tree(&load, err) < 0) {
		manifest_free(&loaded->manifest);
		return -1;
	}
	*ret = &loaded->manifest;
	return 0;
}
