#include "config.h"

#include <limits.h>
#include <string.h>

#include "base/fs.h"
#include "base/map.h"
#include "base/mem.h"
#include "dsl/decode.h"
#include "dsl/draft.h"
#include "dsl/files.h"
#include "dsl/interp.h"
#include "dsl/load.h"
#include "dsl/loaded.h"
#include "dsl/matrix.h"
#include "dsl/merge.h"
#include "dsl/node.h"
#include "dsl/resolve.h"
#include "dsl/schema.h"
#include "dsl/scope.h"
#include "dsl/unit.h"

/* One load on its way. */
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
};

/* A map of the top level; NULL when it is not given, or complained about. */
static const struct node *take_map(struct load *load, const struct node *node, const char *name)
{
	if (!node || node->kind == NODE_NULL || node->kind == NODE_BROKEN)
		return NULL;
	if (node->kind == NODE_MAP)
		return node;
	diags_add(load->diags, node->pos, NULL, "\"%s\" must be a map, but this is %s", name, node_type_name(node));
	return NULL;
}

static bool is_map(struct load *load, const struct entry *entry, const char *what)
{
	if (entry->value->kind == NODE_MAP)
		return true;
	if (entry->value->kind == NODE_NULL)
		diags_add(load->diags, entry->pos, NULL, "the %s \"%s\" is empty", what, entry->key);
	else if (entry->value->kind != NODE_BROKEN)
		diags_add(load->diags, entry->value->pos,
			  !strcmp(what, "service") ? "write {build: ...} or {image: ...}" : NULL,
			  "the %s \"%s\" must be a map, but this is %s", what, entry->key, node_type_name(entry->value));
	return false;
}

static void index_names(struct map *map, const struct node *node)
{
	for (size_t i = 0; node && i < node->len; i++)
		map_set(map, node->entries[i].key, &node->entries[i]);
}

/* One service; of a matrix, one of its combinations. The scope has been entered. */
static void decode_service(struct load *load, const struct entry *entry, const struct combo *combo,
			   struct draft_service *draft)
{
	const struct entry *name;
	struct node *node;

	draft->out.pos = entry->pos;
	draft->out.publish = true;
	node = merge_service(&load->merge, entry);
	name = node_entry(node, "name");
	if (name && !combo)
		diags_add(load->diags, name->pos, "its key is its name, and \"image\" names what it makes",
			  "\"name\" is for services with a \"matrix\"");
	if (node)
		decode_map(&load->decode, &schema_service, node, draft);
	scope_enter(load->scope, NULL, NULL);
}

static void keep_service(struct load *load, const struct draft_service *service)
{
	struct draft *draft = &load->draft;

	draft->items[draft->len] = service->out;
	draft->rests[draft->len++] = service->rest;
}

/* What a service's matrix makes of it. */
struct made {
	bool has; /* a matrix, be it a bad one */
	struct combo *combos;
	size_t len;
};

static struct made read_matrix(struct load *load, const struct entry *entry, size_t *tried)
{
	struct node *matrix = entry->value->kind == NODE_MAP ? merge_written(&load->merge, entry, "matrix") : NULL;
	struct made made = { .has = matrix != NULL };

	if (!matrix)
		return made;
	scope_enter(load->scope, entry->key, NULL);
	made.combos = matrix_read(&load->decode, interp_node(load->merge.interp, NULL, matrix), tried, &made.len);
	scope_enter(load->scope, NULL, NULL);
	if (!made.combos)
		made.len = 0;
	return made;
}

/* The name of one service of a matrix; s NULL after a complaint. */
static struct text made_name(struct load *load, const struct entry *entry, const struct combo *combo)
{
	static const struct schema_key key = { .name = "name", .type = TYPE_TEXT, .flags = FLAG_FILLED };
	struct text name = { combo_name(load->arena, entry->key, combo), entry->pos };
	struct node *written;

	scope_enter(load->scope, entry->key, combo);
	written = merge_written(&load->merge, entry, "name");
	if (!written && !name.s)
		diags_add(load->diags, entry->pos, "write name: \"...${matrix.NAME}...\"",
			  "a matrix whose values are maps needs \"name\"");
	if (!written)
		return name;
	name.s = NULL;
	decode_text(&load->decode, &key, interp_node(load->merge.interp, NULL, written), &name);
	return name;
}

static void complain_twice(struct load *load, const struct text *name, const struct combo *combo,
			   const struct combo *first)
{
	diags_add(load->diags, name->pos, "mention every variable of the matrix in \"name\"",
		  "the matrix makes two services called \"%s\": with %s and with %s", name->s,
		  combo_text(load->arena, first), combo_text(load->arena, combo));
}

static void decode_made(struct load *load, const struct entry *entry, const struct made *made)
{
	struct draft_group *group = &load->draft.groups[load->draft.groups_len++];
	struct map *names cleanup_map = map_new();

	*group = (struct draft_group){ .name = { entry->key, entry->pos }, .of_matrix = true };
	group->members.items = arena_array(load->arena, made->len, sizeof(*group->members.items));
	for (size_t i = 0; i < made->len; i++) {
		struct draft_service service = { 0 };
		const struct combo *first;

		service.out.name = made_name(load, entry, &made->combos[i]);
		if (!service.out.name.s)
			continue;
		first = map_get(names, service.out.name.s);
		if (first) {
			complain_twice(load, &service.out.name, &made->combos[i], first);
			continue;
		}
		map_set(names, service.out.name.s, &made->combos[i]);
		scope_enter(load->scope, service.out.name.s, &made->combos[i]);
		decode_service(load, entry, &made->combos[i], &service);
		keep_service(load, &service);
		group->members.items[group->members.len++] = service.out.name;
	}
}

static void decode_services(struct load *load, const struct node *services)
{
	struct draft *draft = &load->draft;
	size_t count = services ? services->len : 0, len = 0, groups = 0, tried = 0;
	struct made *made = arena_array(load->arena, count, sizeof(*made));

	for (size_t i = 0; i < count; i++) {
		made[i] = read_matrix(load, &services->entries[i], &tried);
		len += made[i].has ? made[i].len : 1;
		groups += made[i].has;
	}
	draft->items = arena_array(load->arena, len, sizeof(*draft->items));
	draft->rests = arena_array(load->arena, len, sizeof(*draft->rests));
	draft->groups = arena_array(load->arena, groups, sizeof(*draft->groups));
	for (size_t i = 0; i < count; i++) {
		const struct entry *entry = &services->entries[i];
		struct draft_service service = { .out.name = { entry->key, entry->pos } };

		if (!is_map(load, entry, "service"))
			continue;
		if (made[i].has) {
			decode_made(load, entry, &made[i]);
			continue;
		}
		scope_enter(load->scope, entry->key, NULL);
		decode_service(load, entry, NULL, &service);
		keep_service(load, &service);
	}
}

/* A template that no service extends is looked at for its faults. */
static void check_templates(struct load *load, const struct node *templates)
{
	static const struct combo unknown = { 0 };

	for (size_t i = 0; templates && i < templates->len; i++) {
		const struct entry *entry = &templates->entries[i];
		struct draft_service unused = { .out.name = { entry->key, entry->pos } };

		if (!is_map(load, entry, "template") || map_get(load->merge.used, entry->key) == entry)
			continue;
		scope_enter_template(load->scope, entry->key);
		decode_service(load, entry, &unknown, &unused);
	}
}

static void decode_groups(struct load *load, const struct node *groups)
{
	static const struct schema_key key = { .name = "groups", .type = TYPE_TEXTS, .flags = FLAG_FILLED };
	struct draft *draft = &load->draft;
	size_t made = draft->groups_len;
	struct draft_group *all = arena_array(load->arena, made + (groups ? groups->len : 0), sizeof(*all));

	if (made)
		memcpy(all, draft->groups, made * sizeof(*all));
	draft->groups = all;
	for (size_t i = 0; groups && i < groups->len; i++) {
		const struct entry *entry = &groups->entries[i];
		struct draft_group *group = &draft->groups[draft->groups_len++];

		group->name = (struct text){ entry->key, entry->pos };
		if (entry->value->kind == NODE_NULL)
			diags_add(load->diags, entry->pos, NULL, "the group \"%s\" is empty", entry->key);
		else
			decode_texts(&load->decode, &key, entry->value, &group->members);
	}
}

/* The top level, interpolated but for what is looked at part by part. */
static void decode_top(struct load *load, const struct unit *unit, const struct node *root, struct draft *draft)
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

/* What is taken away, down to the services and templates: below these it is what they extend that loses it. */
static struct node *strip_top(struct load *load, struct node *root)
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

/* The manifests that are included: what they say for their own services. */
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

/* The whole tree: each part interpolated where its scope is known, then decoded. */
static void decode_tree(struct load *load, struct node *root)
{
	struct map *template_names cleanup_map = map_new();
	struct map *service_names cleanup_map = map_new();
	struct map *used cleanup_map = map_new();
	struct unit *first = load->units->items[0];
	const struct node *vars = take_map(load, node_get(root, "vars"), "vars");
	const struct node *templates, *services;
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
	decode_services(load, services);
	check_templates(load, templates);
	decode_groups(load,
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
	};

	resolve_manifest(&resolve);
}

/* The service that "web.build.target" begins with: the longest name, as names may have dots. */
static struct entry *set_service(const struct node *services, const char *name)
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

/* --set SERVICE.KEY=VALUE: instead of what the manifest says. Other names are variables. */
static struct node *apply_set(struct load *load, struct node *root, const char *set)
{
	const struct node *services = node_get(root, "services");
	const char *equals = strchr(set, '=');
	const char *name = equals ? arena_strndup(load->arena, set, (size_t)(equals - set)) : "";
	const struct entry *service = services ? set_service(services, name) : NULL;
	struct node *value, *changed;
	uint32_t file;

	if (!service && (!strchr(name, '.') || scope_is_builtin(name)))
		return root;
	file = diags_source(load->diags, "--set", set, strlen(set));
	if (!service)
		diags_add(load->diags, diags_pos_at(load->diags, file, 0), "names of variables have no dots",
			  "there is no service that \"%s\" could belong to", name);
	if (!service || service->value->kind != NODE_MAP)
		return root;
	value = node_scalar(load->arena, diags_pos_at(load->diags, file, (size_t)(equals - set) + 1), equals + 1);
	changed = merge_set(load->arena, &schema_service, service->value, name + strlen(service->key) + 1, value);
	changed = merge_set(load->arena, NULL, services, service->key, changed);
	return merge_set(load->arena, NULL, root, "services", changed);
}

/* The env file: named, else ".env" beside the manifest when it is there. */
static int read_env_file(struct load *load, struct error **err)
{
	struct unit *first = load->units->items[0];
	const char *given = load->options->env_file;
	cleanup_free char *path = given ? mem_strdup(given) : path_join(first->dir, ".env");
	cleanup_free char *joined = path_join(first->shown, ".env");
	cleanup_free char *shown = given ? mem_strdup(given) : path_clean(joined);

	return files_add_env(load->files, first, path, shown, !given, err);
}

/* The first manifest with those merged over it, and all that they include. */
static int read_all(struct load *load, struct node **root, struct error **err)
{
	const struct load_options *options = load->options;
	struct unit *first = unit_new(load->units, NULL, (struct pos){ 0 });
	cleanup_free char *beside = path_dir(options->path);

	first->name = options->path;
	first->dir = load->loaded->manifest.dir;
	first->shown = arena_strdup(load->arena, beside);
	if (read_env_file(load, err) < 0 || files_add(load->files, first, options->path, options->path, root, err) < 0)
		return -1;
	for (size_t i = 0; options->overlays && options->overlays[i]; i++)
		if (files_add(load->files, first, options->overlays[i], options->overlays[i], root, err) < 0)
			return -1;
	return 0;
}

static void keep_paths(struct load *load)
{
	struct manifest *manifest = &load->loaded->manifest;
	const struct files *files = load->files;

	manifest->files_len = files->paths_len;
	manifest->files = arena_array(load->arena, files->paths_len, sizeof(*manifest->files));
	memcpy(manifest->files, files->paths, files->paths_len * sizeof(*manifest->files));
}

static int load_tree(struct load *load, struct error **err)
{
	size_t before = diags_count(load->diags);
	struct units units cleanup_units = { .arena = load->arena };
	struct scope *scope cleanup_scope = scope_new(load->arena, load->diags, load->options, &units);
	struct files files cleanup_files = { .arena = load->arena, .diags = load->diags, .scope = scope, .units = &units };
	struct node *root = NULL;

	load->units = &units;
	load->files = &files;
	load->scope = scope;
	load->decode = (struct decode){ load->arena, load->diags, scope };
	files.included = map_new();
	if (read_all(load, &root, err) < 0)
		return -1;
	for (size_t i = 0; root && load->options->sets && load->options->sets[i]; i++)
		root = apply_set(load, root, load->options->sets[i]);
	if (root) {
		decode_tree(load, strip_top(load, root));
		resolve(load);
		keep_paths(load);
	}
	return diags_count(load->diags) > before ? -1 : 0;
}

int manifest_load(const struct load_options *options, struct diags *diags, struct manifest **ret, struct error **err)
{
	struct arena *arena = arena_new();
	struct loaded *loaded = arena_alloc(arena, sizeof(*loaded));
	struct load load = { .options = options, .diags = diags, .loaded = loaded, .arena = arena };
	cleanup_free char *absolute = path_absolute(options->path, err);
	cleanup_free char *dir = absolute ? path_dir(absolute) : NULL;

	loaded->arena = arena;
	loaded->services = map_new();
	loaded->groups = map_new();
	loaded->manifest.path = arena_strdup(arena, options->path);
	loaded->manifest.dir = arena_strdup(arena, dir);
	if (!absolute || load_tree(&load, err) < 0) {
		manifest_free(&loaded->manifest);
		return -1;
	}
	*ret = &loaded->manifest;
	return 0;
}
