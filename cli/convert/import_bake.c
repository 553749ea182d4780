#include "config.h"

#include <string.h>

#include "base/buf.h"
#include "base/diag.h"
#include "base/error.h"
#include "base/fs.h"
#include "base/json.h"
#include "base/mem.h"
#include "cli/convert/import_bake.h"
#include "cli/convert/node_json.h"
#include "dsl/bake.h"
#include "dsl/load.h"
#include "dsl/manifest.h"
#include "dsl/node.h"

#define IMPORT_BAKE_MAX (10 * 1024 * 1024) /* bytes of a file */

extern char **environ;

/* A target may have a name that a service may not have. */
static char *import_bake_name(const char *target)
{
	target += strspn(target, "_-");
	return strcmp(target, "all") == 0 ? mem_strdup("all-image") : mem_strdup(target);
}

/* "service:NAME" with the name that the service has here. */
static struct json *import_contexts(const struct json *contexts)
{
	struct json *renamed = json_new_object();

	for (const void *it = json_first(contexts); it; it = json_next(contexts, it)) {
		const char *value = json_text(json_member(it));

		if (strncmp(value, "service:", 8) == 0) {
			cleanup_free char *name = import_bake_name(value + 8), *text = mem_printf("service:%s", name);

			json_set_str(renamed, json_key(it), text);
		} else {
			json_set_str(renamed, json_key(it), value);
		}
	}
	return renamed;
}

static struct json *import_build(const struct json *build)
{
	static const char *const bools[] = { "no_cache", "pull" };
	struct json *made = json_clone(build);

	for (size_t i = 0; i < sizeof(bools) / sizeof(bools[0]); i++)
		if (json_str(made, bools[i]))
			json_set_bool(made, bools[i], strcmp(json_str(made, bools[i]), "true") == 0);
	if (!json_get(made, "context"))
		json_set_str(made, "context", ".");
	if (json_get(made, "additional_contexts"))
		json_set(made, "additional_contexts", import_contexts(json_get(made, "additional_contexts")));
	return made;
}

/* A service, or negative when its target cannot be built at all. */
static int import_service(const struct bake *bake, const struct entry *entry, struct json *services, struct error **err)
{
	cleanup_json struct json *from = tree_json(entry->value, true);
	cleanup_free char *name = import_bake_name(entry->key);
	struct json *service = json_new_object();
	enum service_call call;
	bool alone;
	struct text refused = bake_refused(bake, entry->key, &alone);
	cleanup_free char *note =
		refused.s                                   ? mem_printf("not taken over: %s", refused.s)
		: !bake_only_asked(bake, entry->key, &call) ? NULL
		: call == CALL_CHECK ? mem_strdup("only for checks of its Dockerfile: `cbuild check` does them")
				     : mem_strdup("not taken over: its call, which only says what its Dockerfile takes");

	json_set_str(service, "#1", json_str(from, "x-description"));
	json_set_str(service, "#2", note);
	json_set_str(service, "image", json_str(from, "image"));
	if (json_get(from, "publish"))
		json_set_bool(service, "publish", false);
	json_set(service, "build", import_build(json_get(from, "build")));
	json_set(services, name, service);
	return refused.s && !alone ? error_make(err, ERROR_USAGE, "target %s: %s", entry->key, refused.s) : 0;
}

/* A group with the name of a target means that target here. */
static struct json *import_groups(const struct yaml_node *groups, const struct json *services)
{
	struct json *made = json_new_object();

	for (size_t i = 0; i < groups->len; i++) {
		const struct yaml_node *members = groups->entries[i].value;
		cleanup_free char *name = import_bake_name(groups->entries[i].key);
		struct json *list = json_new_array();

		for (size_t j = 0; j < members->len; j++) {
			cleanup_free char *member = import_bake_name(members->items[j]->text);

			json_append(list, json_new_string(member));
		}
		if (json_get(services, name))
			json_free(list);
		else
			json_set(made, name, list);
	}
	return made;
}

static int import_document(const struct bake *bake, const struct yaml_node *tree, struct json *document,
			   struct error **err)
{
	const struct yaml_node *services = node_get(tree, "services"), *secrets = node_get(tree, "secrets");
	struct json *made = json_new_object(), *groups;
	int r = services->len ? 0 : error_make(err, ERROR_USAGE, "there is no target: it is not a bake file");

	for (size_t i = 0; i < services->len && r == 0; i++)
		r = import_service(bake, &services->entries[i], made, err);
	groups = import_groups(node_get(tree, "groups"), made);
	json_set(document, "secrets", secrets->len ? tree_json(secrets, true) : NULL);
	json_set(document, "groups", json_len(groups) ? json_clone(groups) : NULL);
	json_set(document, "services", made);
	json_free(groups);
	return r;
}

static int import_add(struct bake *bake, struct diags *diags, const char *path, struct error **err)
{
	bool standard_input = strcmp(path, "-") == 0;
	const char *name = standard_input ? "standard input" : path;
	cleanup_buf struct buf text = { 0 };
	struct error *error = NULL;

	buf_str(&text, "");
	if (fs_read(standard_input ? "/dev/stdin" : path, IMPORT_BAKE_MAX, &text, &error) < 0) {
		error->cls = ERROR_USAGE;
		return error_move(err, &error);
	}
	bake_add(bake, diags_source(diags, name, text.data, text.len), name);
	return 0;
}

int import_bake(const char *const *paths, struct json **ret, struct error **err)
{
	const struct load_options options = { .environ = (const char *const *)environ };
	cleanup_json struct json *document = json_new_object();
	cleanup_buf struct buf text = { 0 };
	struct arena *arena = arena_new();
	struct diags *diags = diags_new();
	struct bake *bake = bake_new(arena, diags, &options);
	const struct yaml_node *tree;
	int r = 0;

	for (; *paths && r == 0; paths++)
		r = import_add(bake, diags, *paths, err);
	if (r == 0) {
		tree = bake_tree(bake, NULL);
		diags_render(diags, &text, false);
		if (text.len)
			r = error_make(err, ERROR_USAGE, "%.*s", (int)strcspn(text.data, "\n"), text.data);
		else
			r = import_document(bake, tree, document, err);
	}
	if (r == 0)
		*ret = steal_ptr(document);
	bake_free(bake);
	diags_free(diags);
	arena_free(arena);
	return r < 0 ? -1 : 0;
}
