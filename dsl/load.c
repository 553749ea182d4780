#include "config.h"

#include <errno.h>
#include <string.h>

#include "base/buf.h"
#include "base/error.h"
#include "base/fs.h"
#include "base/map.h"
#include "base/mem.h"
#include "dsl/decode.h"
#include "dsl/dotenv.h"
#include "dsl/draft.h"
#include "dsl/interp.h"
#include "dsl/load.h"
#include "dsl/loaded.h"
#include "dsl/merge.h"
#include "dsl/node.h"
#include "dsl/resolve.h"
#include "dsl/schema.h"
#include "dsl/scope.h"
#include "dsl/yaml.h"

#define ENV_FILE_MAX (1024 * 1024)

/* One load on its way. */
struct load {
	const struct load_options *options;
	struct diags *diags;
	struct loaded *loaded;
	struct arena *arena;
	struct scope *scope;
	struct decode decode;
	struct merge merge;
	struct draft draft;
};

/* Whatever cannot be read was named by the user. */
static int usage(struct error **err, struct error *error)
{
	error->cls = ERROR_USAGE;
	return error_move(err, &error);
}

static int read_manifest(const char *path, struct buf *text, struct error **err)
{
	static const char bom[] = "\xef\xbb\xbf";
	struct error *error = NULL;

	if (fs_read(path, YAML_BYTES_MAX, text, &error) < 0)
		return usage(err, error);
	if (text->len >= 3 && !memcmp(text->data, bom, 3)) {
		memmove(text->data, text->data + 3, text->len - 3);
		text->len -= 3;
	}
	return 0;
}

static int read_env_file(struct load *load, struct error **err)
{
	const char *given = load->options->env_file;
	cleanup_free char *path = given ? mem_strdup(given) : path_join(load->loaded->manifest.dir, ".env");
	cleanup_free char *beside = path_dir(load->options->path);
	cleanup_free char *shown = given                  ? mem_strdup(given)
				   : !strcmp(beside, ".") ? mem_strdup(".env")
							  : path_join(beside, ".env");
	struct buf text cleanup_buf = { 0 };
	struct error *error = NULL;
	struct dotenv_var *vars;
	bool found = true;
	size_t len;
	uint32_t file;

	if ((given ? fs_read(path, ENV_FILE_MAX, &text, &error)
		   : fs_read_if(path, ENV_FILE_MAX, &text, &found, &error)) < 0)
		return usage(err, error);
	if (!found || !text.len)
		return 0;
	file = diags_source(load->diags, shown, text.data, text.len);
	if (memchr(text.data, '\0', text.len)) {
		diags_add(load->diags, diags_pos_at(load->diags, file, strlen(text.data)), NULL,
			  "the file contains a NUL byte");
		return 0;
	}
	dotenv_parse(load->arena, load->diags, file, text.data, text.len, &vars, &len);
	scope_add_env_file(load->scope, vars, len);
	return 0;
}

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

static void decode_service(struct load *load, const struct entry *entry, struct draft_service *draft)
{
	struct node *node;

	draft->out.name = (struct text){ entry->key, entry->pos };
	draft->out.pos = entry->pos;
	draft->out.publish = true;
	scope_enter(load->scope, entry->key);
	node = merge_service(&load->merge, entry);
	if (node)
		decode_map(&load->decode, &schema_service, node, draft);
	scope_enter(load->scope, NULL);
}

static void decode_services(struct load *load, const struct node *services)
{
	struct draft *draft = &load->draft;

	draft->items = arena_array(load->arena, services ? services->len : 0, sizeof(*draft->items));
	draft->rests = arena_array(load->arena, services ? services->len : 0, sizeof(*draft->rests));
	for (size_t i = 0; services && i < services->len; i++) {
		struct draft_service service = { 0 };

		if (!is_map(load, &services->entries[i], "service"))
			continue;
		decode_service(load, &services->entries[i], &service);
		draft->items[draft->len] = service.out;
		draft->rests[draft->len++] = service.rest;
	}
}

/* A template that no service extends is looked at for its faults. */
static void check_templates(struct load *load, const struct node *templates)
{
	for (size_t i = 0; templates && i < templates->len; i++) {
		const struct entry *entry = &templates->entries[i];
		struct draft_service unused = { 0 };

		if (is_map(load, entry, "template") && map_get(load->merge.used, entry->key) != entry)
			decode_service(load, entry, &unused);
	}
}

static void decode_groups(struct load *load, const struct node *groups)
{
	static const struct schema_key key = { .name = "groups", .type = TYPE_TEXTS, .flags = FLAG_FILLED };
	struct draft *draft = &load->draft;

	draft->groups = arena_array(load->arena, groups ? groups->len : 0, sizeof(*draft->groups));
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

/* The whole tree: each part interpolated where its scope is known, then decoded. */
static void decode_tree(struct load *load, struct node *root)
{
	struct map *template_names cleanup_map = map_new();
	struct map *service_names cleanup_map = map_new();
	struct map *used cleanup_map = map_new();
	const struct node *vars = take_map(load, node_get(root, "vars"), "vars");
	const struct node *templates, *services;
	struct interp *interp = scope_interp(load->scope);
	struct entry *entries = arena_array(load->arena, root->len, sizeof(*entries));

	if (vars)
		scope_add_vars(load->scope, vars);
	for (size_t i = 0; i < root->len; i++) {
		const struct schema_key *key = schema_find(&schema_root, root->entries[i].key);

		entries[i] = root->entries[i];
		if (key && key->type != TYPE_NODE)
			entries[i].value = interp_node(interp, NULL, entries[i].value);
	}
	decode_map(&load->decode, &schema_root, node_map(load->arena, root->pos, entries, root->len), &load->draft);
	scope_check_vars(load->scope);
	templates = take_map(load, load->draft.templates, "templates");
	services = take_map(load, load->draft.services, "services");
	load->merge = (struct merge){
		.arena = load->arena,
		.diags = load->diags,
		.interp = interp,
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
		.draft = &load->draft,
		.loaded = load->loaded,
	};

	resolve_manifest(&resolve);
}

/* A further file, merged over what there is as compose merges (compose-spec, 13-merge). Its paths start where the first
 * file's do. */
static int merge_file(struct load *load, const char *path, struct node **root, struct error **err)
{
	struct buf text cleanup_buf = { 0 };
	struct node *over;
	uint32_t file;

	if (read_manifest(path, &text, err) < 0)
		return -1;
	file = diags_source(load->diags, path, text.data ? text.data : "", text.len);
	over = yaml_parse(load->arena, load->diags, file, text.data ? text.data : "", text.len);
	if (!over || over->kind == NODE_NULL || over->kind == NODE_BROKEN)
		return 0;
	if (over->kind != NODE_MAP)
		diags_add(load->diags, over->pos, "it begins with keys such as \"services:\"",
			  "a manifest must be a map, but this is %s", node_type_name(over));
	else if (*root && (*root)->kind == NODE_MAP)
		*root = merge_nodes(load->arena, &schema_root, *root, over);
	return 0;
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

static int load_tree(struct load *load, struct error **err)
{
	struct buf text cleanup_buf = { 0 };
	struct scope *scope cleanup_scope = NULL;
	size_t before = diags_count(load->diags);
	struct node *root;
	uint32_t file;

	if (read_manifest(load->options->path, &text, err) < 0)
		return -1;
	file = diags_source(load->diags, load->options->path, text.data ? text.data : "", text.len);
	scope = scope_new(load->arena, load->diags, load->options);
	load->scope = scope;
	load->decode = (struct decode){ load->arena, load->diags, scope };
	if (read_env_file(load, err) < 0)
		return -1;
	root = yaml_parse(load->arena, load->diags, file, text.data ? text.data : "", text.len);
	for (size_t i = 0; load->options->overlays && load->options->overlays[i]; i++)
		if (merge_file(load, load->options->overlays[i], &root, err) < 0)
			return -1;
	for (size_t i = 0; load->options->sets && load->options->sets[i]; i++)
		if (root && root->kind == NODE_MAP)
			root = apply_set(load, root, load->options->sets[i]);
	if (root && root->kind == NODE_MAP) {
		decode_tree(load, root);
		resolve(load);
	} else if (root && root->kind == NODE_NULL) {
		diags_add(load->diags, (struct pos){ file, 1, 1 }, "it needs \"services\"", "the manifest is empty");
	} else if (root && root->kind != NODE_BROKEN) {
		diags_add(load->diags, root->pos, "it begins with keys such as \"services:\"",
			  "a manifest must be a map, but this is %s", node_type_name(root));
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
