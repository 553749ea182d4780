#include "config.h"

#include <string.h>

#include "base/buf.h"
#include "base/error.h"
#include "base/json.h"
#include "base/mem.h"
#include "base/ref.h"
#include "cli/convert/bake.h"
#include "cli/convert/bake_attest.h"
#include "cli/convert/bake_value.h"

#define INHERITS_MAX 32   /* levels */
#define MERGES_MAX 100000 /* targets merged into others, in total */

struct bake {
	const char *name;
	const struct json *targets, *groups, *variables;
	struct json *secrets;
	unsigned merges;
	struct error **err;
};

/* Targets like that exist only to be inherited from. */
static bool is_abstract(const char *target)
{
	return target[0] == '_';
}

/* A target may have a name that a service may not have. */
static char *service_name(const char *target)
{
	return strcmp(target, "all") == 0 ? mem_printf("%s-image", target) : mem_strdup(target);
}

static int bake_refuse(struct bake *bake, const char *target, const char *why)
{
	error_make(bake->err, ERROR_USAGE, "%s: target %s: %s", bake->name, target, why);
	error_remedy(bake->err, "`docker buildx bake --print >bake.json` writes a file with all of that worked out");
	return -1;
}

static bool is_joined(const char *key)
{
	return strcmp(key, "args") == 0 || strcmp(key, "labels") == 0 || strcmp(key, "contexts") == 0;
}

/* Merges the members of `over` into `into`; maps of names and values are joined. */
static void put_over(struct json *into, const struct json *over)
{
	for (const void *it = json_first(over); it; it = json_next(over, it)) {
		const struct json *before = json_get(into, json_key(it));
		struct json *value = json_clone(json_member(it));

		if (is_joined(json_key(it)) && json_is_object(before)) {
			struct json *joined = json_clone(before);

			put_over(joined, value);
			json_free(value);
			value = joined;
		}
		json_set(into, json_key(it), value);
	}
}

static int inherit(struct bake *bake, const char *name, struct json *into, unsigned depth)
{
	const struct json *target = json_get(bake->targets, name);
	const struct json *parents = json_get(target, "inherits");

	if (!json_is_object(target))
		return bake_refuse(bake, name, "there is none with that name");
	if (depth > INHERITS_MAX || bake->merges++ > MERGES_MAX)
		return bake_refuse(bake, name, "it inherits from itself");
	for (size_t i = 0; i < json_len(parents); i++) {
		const char *parent = json_text(json_at(parents, i));

		if (parent && inherit(bake, parent, into, depth + 1) < 0)
			return -1;
	}
	put_over(into, target);
	return 0;
}

static int bake_add_text(struct bake *bake, const char *target, const char *text, struct buf *out)
{
	if (bake_value_text(text, bake->variables, out))
		return 0;
	return bake_refuse(bake, target, "it holds an expression");
}

static int bake_set_text(struct bake *bake, const char *target, struct json *object, const char *key, const char *text)
{
	cleanup_buf struct buf value = { 0 };

	if (!text)
		return 0;
	if (bake_add_text(bake, target, text, &value) < 0)
		return -1;
	json_set_str(object, key, value.data ? value.data : "");
	return 0;
}

static int set_texts(struct bake *bake, const char *target, struct json *object, const char *key, const struct json *list)
{
	struct json *texts = json_new_array();

	for (size_t i = 0; i < json_len(list); i++) {
		cleanup_buf struct buf attributes = { 0 }, value = { 0 };

		bake_value_attributes(json_at(list, i), &attributes);
		if (bake_add_text(bake, target, attributes.data, &value) < 0) {
			json_free(texts);
			return -1;
		}
		json_append(texts, json_new_string(value.data ? value.data : ""));
	}
	json_set(object, key, json_len(texts) > 0 ? json_clone(texts) : NULL);
	json_free(texts);
	return 0;
}

static int set_pairs(struct bake *bake, const char *target, struct json *object, const char *key, const struct json *map)
{
	struct json *pairs = json_new_object();

	for (const void *it = json_is_object(map) ? json_first(map) : NULL; it; it = json_next(map, it)) {
		if (!json_text(json_member(it)))
			json_set(pairs, json_key(it), json_clone(json_member(it)));
		else if (bake_set_text(bake, target, pairs, json_key(it), json_text(json_member(it))) < 0) {
			json_free(pairs);
			return -1;
		}
	}
	json_set(object, key, json_len(pairs) > 0 ? json_clone(pairs) : NULL);
	json_free(pairs);
	return 0;
}

static int set_contexts(struct bake *bake, const char *target, struct json *build, const struct json *contexts)
{
	struct json *list = json_new_object();
	int r = 0;

	for (const void *it = json_is_object(contexts) ? json_first(contexts) : NULL; it && r == 0;
	     it = json_next(contexts, it)) {
		const char *value = json_text(json_member(it));

		if (!value || strncmp(value, "oci-layout://", 13) == 0) {
			r = bake_refuse(bake, target, "a manifest cannot have an OCI layout as a context");
		} else if (strncmp(value, "target:", 7) == 0) {
			cleanup_free char *service = service_name(value + 7);
			cleanup_free char *text = mem_printf("service:%s", service);

			json_set_str(list, json_key(it), text);
		} else {
			r = bake_set_text(bake, target, list, json_key(it),
					  strncmp(value, "cwd://", 6) == 0 ? value + 6 : value);
		}
	}
	json_set(build, "additional_contexts", json_len(list) > 0 ? json_clone(list) : NULL);
	json_free(list);
	return r;
}

/* Secrets with the same id become one secret of the manifest; another one with that id is named after the target. */
static void add_secret(struct bake *bake, const char *target, const struct json *secret, struct json *list)
{
	cleanup_free char *id = bake_value_attribute(secret, "id");
	cleanup_free char *file = bake_value_attribute(secret, "src"), *variable = bake_value_attribute(secret, "env");
	struct json *source = json_new_object();
	struct json *use;

	if (!id) {
		json_free(source);
		return;
	}
	json_set_str(source, file ? "file" : "environment", file ? file : variable ? variable : id);
	if (!json_get(bake->secrets, id))
		json_set(bake->secrets, id, json_clone(source));
	if (bake_value_same(json_get(bake->secrets, id), source)) {
		json_append(list, json_new_string(id));
	} else {
		cleanup_free char *own = mem_printf("%s-%s", target, id);

		json_set(bake->secrets, own, json_clone(source));
		use = json_new_object();
		json_set_str(use, "source", own);
		json_set_str(use, "target", id);
		json_append(list, use);
	}
	json_free(source);
}

static void bake_set_secrets(struct bake *bake, const char *target, struct json *build, const struct json *secrets)
{
	struct json *list = json_new_array();

	for (size_t i = 0; i < json_len(secrets); i++)
		add_secret(bake, target, json_at(secrets, i), list);
	json_set(build, "secrets", json_len(list) > 0 ? json_clone(list) : NULL);
	json_free(list);
}

/* The first tag names the image; a complete reference also is a tag of its own. */
static int set_tags(struct bake *bake, const char *target, struct json *service, struct json *build,
		    const struct json *tags)
{
	struct json *others = json_new_array();
	int r = json_len(tags) ? bake_set_text(bake, target, service, "image", json_text(json_at(tags, 0))) : 0;

	for (size_t i = 1; i < json_len(tags); i++)
		json_append(others, json_clone(json_at(tags, i)));
	if (r == 0)
		r = set_texts(bake, target, build, "tags", others);
	json_free(others);
	return r;
}

/* buildx prints this for a target that is only a context of others. */
static bool is_cache_only(const struct json *target)
{
	cleanup_free char *type = bake_value_attribute(json_at(json_get(target, "output"), 0), "type");

	return type && strcmp(type, "cacheonly") == 0;
}

/* Collects what a manifest cannot express. */
static void add_left_out(struct json *service, const struct json *target)
{
	static const char *const known[] = {
		"context",   "dockerfile", "dockerfile-inline", "args",     "labels",   "contexts",    "tags",
		"platforms", "target",     "no-cache",          "pull",     "network",  "shm-size",    "extra-hosts",
		"secret",    "ssh",        "cache-from",        "cache-to", "inherits", "description", "output",
		"attest",
	};
	cleanup_buf struct buf left = { 0 };

	for (const void *it = json_first(target); it; it = json_next(target, it)) {
		bool found = false;

		for (size_t i = 0; i < sizeof(known) / sizeof(known[0]) && !found; i++)
			found = strcmp(json_key(it), known[i]) == 0;
		if (!found)
			buf_printf(&left, "%s%s", left.len ? ", " : "not taken over: ", json_key(it));
	}
	json_set_str(service, "#1", json_str(target, "description"));
	json_set_str(service, "#2", left.data);
	if (json_len(json_get(target, "output")) > 0 && !is_cache_only(target))
		json_set_str(service, "#3", "not converted: output; images go into the store and the local engine");
}

static int bake_set_build(struct bake *bake, const char *name, const struct json *target, struct json *service,
			  struct json *build)
{
	const char *context = json_str(target, "context");
	/* On a conflict, the first one is renamed. */
	static const char *const same[][2] = { { "dockerfile", "dockerfile" },
					       { "dockerfile-inline", "dockerfile_inline" },
					       { "target", "target" },
					       { "network", "network" },
					       { "shm-size", "shm_size" } };
	static const char *const lists[][2] = { { "platforms", "platforms" },
						{ "cache-from", "cache_from" },
						{ "cache-to", "cache_to" },
						{ "ssh", "ssh" } };
	static const char *const maps[][2] = { { "args", "args" },
					       { "labels", "labels" },
					       { "extra-hosts", "extra_hosts" } };

	if (context && (strstr(context, "://") || strncmp(context, "target:", 7) == 0) &&
	    strncmp(context, "cwd://", 6) != 0)
		return bake_refuse(bake, name, "its context is not a folder");
	context = context && strncmp(context, "cwd://", 6) == 0 ? context + 6 : context;
	if (bake_set_text(bake, name, build, "context", context && *context ? context : ".") < 0)
		return -1;
	for (size_t i = json_get(target, "dockerfile-inline") ? 1 : 0; i < sizeof(same) / sizeof(same[0]); i++) {
		if (bake_set_text(bake, name, build, same[i][1], json_str(target, same[i][0])) < 0)
			return -1;
	}
	for (size_t i = 0; i < sizeof(maps) / sizeof(maps[0]); i++) {
		if (set_pairs(bake, name, build, maps[i][1], json_get(target, maps[i][0])) < 0)
			return -1;
	}
	for (size_t i = 0; i < sizeof(lists) / sizeof(lists[0]); i++) {
		if (set_texts(bake, name, build, lists[i][1], json_get(target, lists[i][0])) < 0)
			return -1;
	}
	if (set_contexts(bake, name, build, json_get(target, "contexts")) < 0 ||
	    set_tags(bake, name, service, build, json_get(target, "tags")) < 0)
		return -1;
	bake_set_secrets(bake, name, build, json_get(target, "secret"));
	if (json_bool(target, "no-cache"))
		json_set_bool(build, "no_cache", true);
	if (json_bool(target, "pull"))
		json_set_bool(build, "pull", true);
	bake_attest_read(json_get(target, "attest"), build);
	return 0;
}

/* Whether a target exists only as a context for others. */
static bool is_base(const struct bake *bake, const char *name)
{
	cleanup_free char *asked = mem_printf("target:%s", name);
	bool used = false;

	for (const void *it = json_first(bake->targets); it; it = json_next(bake->targets, it)) {
		const struct json *contexts = json_get(json_member(it), "contexts");

		for (const void *c = json_is_object(contexts) ? json_first(contexts) : NULL; c;
		     c = json_next(contexts, c)) {
			const char *value = json_text(json_member(c));

			used |= value && strcmp(value, asked) == 0;
		}
	}
	for (const void *it = json_is_object(bake->groups) ? json_first(bake->groups) : NULL; it;
	     it = json_next(bake->groups, it)) {
		const struct json *targets = json_get(json_member(it), "targets");

		for (size_t i = 0; i < json_len(targets); i++) {
			const char *target = json_text(json_at(targets, i));

			used &= !target || strcmp(target, name) != 0;
		}
	}
	return used;
}

static int bake_add_target(struct bake *bake, const char *name, struct json *services)
{
	cleanup_json struct json *target = json_new_object();
	cleanup_json struct json *service = json_new_object(), *build = json_new_object();
	cleanup_free char *own = service_name(name);

	if (inherit(bake, name, target, 0) < 0)
		return -1;
	if (json_get(target, "matrix"))
		return bake_refuse(bake, name, "it has a matrix");
	if (!ref_name_valid(name))
		return bake_refuse(bake, name, "a service cannot have that name");
	add_left_out(service, target);
	if (bake_set_build(bake, name, target, service, build) < 0)
		return -1;
	if (!json_get(service, "image") && is_base(bake, name))
		json_set_bool(service, "publish", false);
	if (json_len(build) == 1)
		json_set_str(service, "build", json_str(build, "context"));
	else
		json_set(service, "build", steal_ptr(build));
	json_set(services, own, steal_ptr(service));
	return 0;
}

/* Adds a group to `seen`; false when it was there. */
static bool see(struct json *seen, const char *group)
{
	bool first = !json_get(seen, group);

	json_set_bool(seen, group, true);
	return first;
}

/* Whether a group is inside another one; in buildx's output it may contain itself. */
static bool group_has(const struct bake *bake, const char *group, const char *member, struct json *seen)
{
	const struct json *targets = json_get(json_get(bake->groups, group), "targets");

	for (size_t i = 0; i < json_len(targets); i++) {
		const char *target = json_text(json_at(targets, i));

		if (target &&
		    (strcmp(target, member) == 0 || (see(seen, target) && group_has(bake, target, member, seen))))
			return true;
	}
	return false;
}

static void bake_add_member(struct json *list, const char *target)
{
	cleanup_free char *name = service_name(target);

	for (size_t i = 0; i < json_len(list); i++) {
		if (strcmp(json_text(json_at(list, i)), name) == 0)
			return;
	}
	json_append(list, json_new_string(name));
}

/* The members of a group; with `flat` (the groups seen), the targets it contains. */
static void bake_add_members(const struct bake *bake, const char *group, struct json *list, struct json *flat)
{
	const struct json *targets = json_get(json_get(bake->groups, group), "targets");

	for (size_t i = 0; i < json_len(targets); i++) {
		const char *target = json_text(json_at(targets, i));
		bool group_itself = target && flat && json_get(bake->groups, target) && !json_get(bake->targets, target);

		if (group_itself && see(flat, target))
			bake_add_members(bake, target, list, flat);
		else if (target && !group_itself)
			bake_add_member(list, target);
	}
}

static struct json *groups_of(const struct bake *bake, const struct json *services)
{
	struct json *groups = json_new_object();

	for (const void *it = json_is_object(bake->groups) ? json_first(bake->groups) : NULL; it;
	     it = json_next(bake->groups, it)) {
		cleanup_free char *name = service_name(json_key(it));
		cleanup_json struct json *seen = json_new_object(), *flat = json_new_object();
		struct json *list = json_new_array();
		bool circle = group_has(bake, json_key(it), json_key(it), seen);

		bake_add_members(bake, json_key(it), list, circle ? flat : NULL);
		/* A group with the name of a target means that target. */
		if (!json_get(services, name))
			json_set(groups, name, list);
		else
			json_free(list);
	}
	return groups;
}

static int read_targets(struct bake *bake, struct json *document)
{
	struct json *services = json_new_object(), *groups, *vars = json_new_object();
	int r = 0;

	for (const void *it = json_first(bake->targets); it && r == 0; it = json_next(bake->targets, it)) {
		if (!is_abstract(json_key(it)))
			r = bake_add_target(bake, json_key(it), services);
	}
	for (const void *it = json_is_object(bake->variables) ? json_first(bake->variables) : NULL; it;
	     it = json_next(bake->variables, it)) {
		const struct json *value = json_get(json_member(it), "default");

		if (value)
			json_set(vars, json_key(it), json_clone(value));
	}
	groups = groups_of(bake, services);
	json_set(document, "vars", json_len(vars) > 0 ? json_clone(vars) : NULL);
	json_set(document, "secrets", json_len(bake->secrets) > 0 ? json_clone(bake->secrets) : NULL);
	json_set(document, "groups", json_len(groups) > 0 ? json_clone(groups) : NULL);
	json_set(document, "services", services);
	json_free(groups);
	json_free(vars);
	return r;
}

int bake_read(const char *text, size_t len, const char *name, struct json **ret, struct error **err)
{
	cleanup_json struct json *root = NULL;
	cleanup_json struct json *document = json_new_object();
	struct bake bake = { .name = name, .err = err };
	struct error *error = NULL;

	if (json_parse(text, len, name, &root, &error) < 0) {
		error->cls = ERROR_USAGE;
		return error_move(err, &error);
	}
	bake.targets = json_get(root, "target");
	bake.groups = json_get(root, "group");
	bake.variables = json_get(root, "variable");
	if (!json_is_object(bake.targets) || json_len(bake.targets) == 0)
		return error_make(err, ERROR_USAGE, "%s: it has no \"target\", so it is not a bake file", name);
	if (json_get(root, "function"))
		return bake_refuse(&bake, json_key(json_first(bake.targets)), "the file has functions");
	bake.secrets = json_new_object();
	if (read_targets(&bake, document) < 0) {
		json_free(bake.secrets);
		return -1;
	}
	json_free(bake.secrets);
	*ret = steal_ptr(document);
	return 0;
}
