#include "config.h"

#include <string.h>

#include "base/buf.h"
#include "base/diag.h"
#include "base/error.h"
#include "base/fs.h"
#include "base/json.h"
#include "base/mem.h"
#include "cli/convert/compose.h"
#include "cli/convert/node_json.h"
#include "cli/sources.h"
#include "cli/reference.h"
#include "dsl/load.h"
#include "dsl/manifest.h"
#include "dsl/node.h"
#include "dsl/schema.h"
#include "dsl/yaml.h"

extern char **environ;

/* A copy of a map without keys that cbuild does not use, at all levels. */
static struct json *used_of(const struct yaml_node *node, const struct schema *schema)
{
	struct json *tree;

	if (node->kind != NODE_MAP)
		return tree_json(node, false);
	tree = json_new_object();
	for (size_t i = 0; i < node->len; i++) {
		const struct entry *entry = &node->entries[i];
		const struct schema_key *key = schema_find(schema, entry->key);

		if (!key || !reference_used(key))
			continue;
		json_set(tree, entry->key, key->sub ? used_of(entry->value, key->sub) : tree_json(entry->value, false));
	}
	return tree;
}

static struct json *document_of(const struct yaml_node *root)
{
	struct json *document = json_new_object(), *services = json_new_object();
	const struct yaml_node *list = node_get(root, "services"), *secrets = node_get(root, "secrets");

	if (secrets && secrets->kind == NODE_MAP && secrets->len > 0)
		json_set(document, "secrets", tree_json(secrets, false));
	for (size_t i = 0; list && list->kind == NODE_MAP && i < list->len; i++)
		json_set(services, list->entries[i].key, used_of(list->entries[i].value, &schema_service));
	json_set(document, "services", services);
	return document;
}

/* Records the project's name and where each service's Dockerfile is, after variables and `extends`. */
static struct json *builds_of(const struct manifest *manifest)
{
	struct json *made = json_new_object(), *services = json_new_object();

	json_set_str(made, "project", manifest->project.s);
	json_set(made, "services", services);
	for (size_t i = 0; i < manifest->services_len; i++) {
		const struct service *service = &manifest->services[i];
		const char *context =
			path_relative(manifest->dir, service->build.context.s ? service->build.context.s : "");
		const char *dockerfile = path_relative(service->build.context.s ? service->build.context.s : "",
						       service->build.dockerfile.s ? service->build.dockerfile.s : "");
		struct json *build, *one = json_new_object();

		if (service->has_build && context && dockerfile) {
			build = json_new_object();
			json_set_str(build, "context", context);
			json_set_str(build, "dockerfile", dockerfile);
			json_set(one, "build", build);
		}
		json_set(services, service->name.s, one);
	}
	return made;
}

static int compose_load(const struct sources *sources, struct diags *diags, struct json **ret_builds, struct error **err)
{
	const struct load_options options = {
		.path = sources->path,
		.overlays = sources->overlays,
		.env_files = sources->env_files,
		.environ = (const char *const *)environ,
	};
	cleanup_buf struct buf text = { 0 };
	struct manifest *manifest;

	if (manifest_load(&options, diags, &manifest, err) == 0) {
		*ret_builds = builds_of(manifest);
		manifest_free(manifest);
		return 0;
	}
	diags_render(diags, &text, false);
	if (!text.len)
		return -1;
	return error_make(err, ERROR_USAGE, "%.*s", (int)strcspn(text.data, "\n"), text.data);
}

/* Several files are kept, and included. */
static struct json *including(const struct sources *sources)
{
	struct json *document = json_new_object(), *list = json_new_array(), *item = json_new_object();
	struct json *paths = json_new_array();

	json_append(paths, json_new_string(sources->path));
	for (const char *const *at = sources->overlays; at && *at; at++)
		json_append(paths, json_new_string(*at));
	json_set(item, "path", paths);
	json_append(list, item);
	json_set(document, "include", list);
	return document;
}

int compose_read(const struct sources *sources, struct json **ret, struct json **ret_builds, struct error **err)
{
	cleanup_buf struct buf text = { 0 };
	struct diags *diags = diags_new();
	struct arena *arena = arena_new();
	size_t nodes = 0;
	int r = compose_load(sources, diags, ret_builds, err);

	if (r == 0)
		r = fs_read(sources->path, YAML_BYTES_MAX, &text, err);
	if (r == 0) {
		uint32_t file = diags_source(diags, sources->path, text.data ? text.data : "", text.len);
		const struct yaml_node *root =
			yaml_parse(arena, diags, file, text.data ? text.data : "", text.len, &nodes);

		*ret = (sources->overlays && sources->overlays[0]) || node_get(root, "include") ? including(sources)
												: document_of(root);
	}
	arena_free(arena);
	diags_free(diags);
	return r < 0 ? -1 : 0;
}
