#include "config.h"

#include <string.h>

#include "base/buf.h"
#include "base/diag.h"
#include "base/error.h"
#include "base/fs.h"
#include "base/json.h"
#include "base/mem.h"
#include "cli/convert/compose.h"
#include "cli/reference.h"
#include "dsl/load.h"
#include "dsl/manifest.h"
#include "dsl/node.h"
#include "dsl/schema.h"
#include "dsl/yaml.h"

extern char **environ;

static struct json *tree_of(const struct yaml_node *node)
{
	struct json *tree;

	switch (node->kind) {
	case NODE_SCALAR:
		return json_new_string(node->text);
	case NODE_LIST:
		tree = json_new_array();
		for (size_t i = 0; i < node->len; i++)
			json_append(tree, tree_of(node->items[i]));
		return tree;
	case NODE_MAP:
		tree = json_new_object();
		for (size_t i = 0; i < node->len; i++)
			json_set(tree, node->entries[i].key, tree_of(node->entries[i].value));
		return tree;
	case NODE_NULL:
	case NODE_BROKEN:
		break;
	}
	return json_new_null();
}

/* A map without what cbuild does not use, also in what is below it. */
static struct json *used_of(const struct yaml_node *node, const struct schema *schema)
{
	struct json *tree;

	if (node->kind != NODE_MAP)
		return tree_of(node);
	tree = json_new_object();
	for (size_t i = 0; i < node->len; i++) {
		const struct entry *entry = &node->entries[i];
		const struct schema_key *key = schema_find(schema, entry->key);

		if (!key || !reference_used(key))
			continue;
		json_set(tree, entry->key, key->sub ? used_of(entry->value, key->sub) : tree_of(entry->value));
	}
	return tree;
}

static struct json *document_of(const struct yaml_node *root)
{
	struct json *document = json_new_object(), *services = json_new_object();
	const struct yaml_node *list = node_get(root, "services"), *secrets = node_get(root, "secrets");

	if (secrets && secrets->kind == NODE_MAP && secrets->len > 0)
		json_set(document, "secrets", tree_of(secrets));
	for (size_t i = 0; list && list->kind == NODE_MAP && i < list->len; i++)
		json_set(services, list->entries[i].key, used_of(list->entries[i].value, &schema_service));
	json_set(document, "services", services);
	return document;
}

static int compose_check(const char *path, struct diags *diags, struct error **err)
{
	const struct load_options options = {
		.path = path,
		.environ = (const char *const *)environ,
	};
	cleanup_buf struct buf text = { 0 };
	struct manifest *manifest;

	if (manifest_load(&options, diags, &manifest, err) == 0) {
		manifest_free(manifest);
		return 0;
	}
	diags_render(diags, &text, false);
	if (!text.len)
		return -1;
	return error_make(err, ERROR_USAGE, "%.*s", (int)strcspn(text.data, "\n"), text.data);
}

int compose_read(const char *path, struct json **ret, struct error **err)
{
	cleanup_buf struct buf text = { 0 };
	struct diags *diags = diags_new();
	struct arena *arena = arena_new();
	size_t nodes = 0;
	int r = compose_check(path, diags, err);

	if (r == 0)
		r = fs_read(path, YAML_BYTES_MAX, &text, err);
	if (r == 0) {
		uint32_t file = diags_source(diags, path, text.data ? text.data : "", text.len);
		const struct yaml_node *root =
			yaml_parse(arena, diags, file, text.data ? text.data : "", text.len, &nodes);

		*ret = document_of(root);
	}
	arena_free(arena);
	diags_free(diags);
	return r < 0 ? -1 : 0;
}
