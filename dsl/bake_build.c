#include "config.h"

#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/map.h"
#include "base/mem.h"
#include "base/platform.h"
#include "base/remote.h"
#include "dsl/bake.h"
#include "dsl/bake_build.h"
#include "dsl/bake_parts.h"
#include "dsl/hcl/coerce.h"
#include "dsl/manifest.h"
#include "dsl/node.h"

/* A target as the service that a services.yaml would have for it. */

/* Entries of a map that is being made. */
struct made_map {
	struct entry *entries;
	size_t len;
};

static void put_entry(struct made_map *map, const char *key, struct pos pos, struct yaml_node *value)
{
	if (value)
		map->entries[map->len++] = (struct entry){ key, pos, value };
}

/* Values that were worked out already have no variables. Control bytes mean others to the loader (dsl/late.h). */
static struct yaml_node *text_node(struct bake *bake, const char *text, struct hcl_place place)
{
	struct yaml_node *node;

	for (const char *c = text; *c; c++)
		if ((unsigned char)*c < ' ' && !strchr("\t\n\r", *c))
			return hcl_fail(&bake->eval, place, NULL, "the value contains a control character");
	node = node_scalar(bake->arena, hcl_pos(&bake->eval, place), text);
	node->dollar = false;
	return node;
}

static struct yaml_node *value_node(struct bake *bake, const struct hcl_value *value)
{
	return text_node(bake, hcl_single_text(&bake->heap, value), value->place);
}

static struct yaml_node *list_node(struct bake *bake, const struct hcl_value *list, size_t first)
{
	struct yaml_node **items;
	size_t len = 0;

	if (!list || list->len <= first)
		return NULL;
	items = arena_array(bake->arena, list->len, sizeof(struct yaml_node *));
	for (size_t i = first; i < list->len; i++) {
		struct yaml_node *item = value_node(bake, list->items[i]);

		if (item)
			items[len++] = item;
	}
	return node_list(bake->arena, hcl_pos(&bake->eval, list->place), items, len);
}

/* A list that replaces the one of a compose file's service. */
static struct yaml_node *own_list(struct bake *bake, const struct hcl_value *list, size_t first)
{
	struct yaml_node *node = list_node(bake, list, first);

	if (node)
		node_set_tag(node, NODE_OVERRIDE);
	return node;
}

static struct yaml_node *pairs_node(struct bake *bake, const struct hcl_value *map)
{
	struct made_map made = { 0 };

	if (!map || !map->len)
		return NULL;
	made.entries = arena_array(bake->arena, map->len, sizeof(*made.entries));
	for (size_t i = 0; i < map->len; i++)
		put_entry(&made, map->keys[i], hcl_pos(&bake->eval, map->items[i]->place),
			  value_node(bake, map->items[i]));
	return node_map(bake->arena, hcl_pos(&bake->eval, map->place), made.entries, made.len);
}

static struct yaml_node *platforms_node(struct bake *bake, const struct hcl_value *list)
{
	struct yaml_node *node = own_list(bake, list, 0);

	for (size_t i = 0; node && i < node->len; i++) {
		if (strcmp(node->items[i]->text, "local") != 0)
			continue;
		node->items[i]->text = bake->local_platform;
		node->items[i]->len = strlen(bake->local_platform);
	}
	return node;
}

static const char *without_prefix(const char *text, const char *prefix)
{
	size_t len = strlen(prefix);

	return strncmp(text, prefix, len) == 0 ? text + len : NULL;
}

/* A folder as a manifest writes it: "cwd://" is where bake is called, which is where paths start. */
static const char *folder_of(const char *path)
{
	const char *rest = without_prefix(path, "cwd://");

	return rest ? *rest ? rest : "." : path;
}

/* What cannot be built at all wins over what only cannot be asked for. */
static void refuse_target(struct bake *bake, const struct bake_target *target, bool alone, const char *why,
			  struct hcl_place place)
{
	const struct bake_refusal *there = map_get(bake->refused, target->name);
	struct bake_refusal *refusal = arena_alloc(bake->arena, sizeof(*refusal));

	*refusal = (struct bake_refusal){ { why, hcl_pos(&bake->eval, place.file ? place : target->place) }, alone };
	if (!there || (there->alone && !alone))
		map_set(bake->refused, target->name, refusal);
}

static struct yaml_node *contexts_node(struct bake *bake, const struct bake_target *target)
{
	const struct hcl_value *map = target->values[BAKE_CONTEXTS];
	struct made_map made = { 0 };

	if (!map || !map->len)
		return NULL;
	made.entries = arena_array(bake->arena, map->len, sizeof(*made.entries));
	for (size_t i = 0; i < map->len; i++) {
		const char *value = map->items[i]->text, *linked = without_prefix(value, "target:");

		if (linked && !map_get(bake->blocks, linked) && !bake_composed(bake, linked)) {
			bake_no_such(bake, bake->blocks, "target", linked, map->items[i]->place);
			continue;
		}
		value = linked ? arena_join(bake->arena, "service:", linked, NULL) : folder_of(value);
		put_entry(&made, map->keys[i], hcl_pos(&bake->eval, map->items[i]->place),
			  text_node(bake, value, map->items[i]->place));
	}
	return node_map(bake->arena, hcl_pos(&bake->eval, map->place), made.entries, made.len);
}

/* The value of an attribute in "key=value,...", or NULL. */
static const char *csv_attribute(struct bake *bake, const char *text, const char *name)
{
	size_t len = strlen(name);

	while (*text) {
		size_t part = strcspn(text, ",");

		if (part > len && !strncmp(text, name, len) && text[len] == '=')
			return arena_strndup(bake->arena, text + len + 1, part - len - 1);
		text += part + (text[part] == ',');
	}
	return NULL;
}

/* "type=provenance,mode=max" and "type=sbom"; the last of a type counts. */
static void put_attests(struct bake *bake, const struct bake_target *target, struct made_map *build)
{
	const struct hcl_value *list = target->values[BAKE_ATTEST];
	struct yaml_node *provenance = NULL, *sbom = NULL;

	for (size_t i = 0; list && i < list->len; i++) {
		const char *text = list->items[i]->text, *type = csv_attribute(bake, text, "type");
		const char *disabled = csv_attribute(bake, text, "disabled"), *mode = csv_attribute(bake, text, "mode");
		const char *generator = csv_attribute(bake, text, "generator");
		bool off = disabled && strcmp(disabled, "false") != 0;

		if (type && !strcmp(type, "provenance"))
			provenance = text_node(bake,
					       off                            ? "false"
					       : mode && !strcmp(mode, "max") ? "max"
									      : "min",
					       list->items[i]->place);
		else if (type && !strcmp(type, "sbom"))
			sbom = text_node(bake,
					 off         ? "false"
					 : generator ? arena_join(bake->arena, "generator=", generator, NULL)
						     : "true",
					 list->items[i]->place);
	}
	put_entry(build, "provenance", hcl_pos(&bake->eval, target->place), provenance);
	put_entry(build, "sbom", hcl_pos(&bake->eval, target->place), sbom);
}

/* The name of the manifest's secret: its id, or with the target's name when another one has that. */
static const char *secret_source(struct bake_secrets *secrets, const struct bake_target *target, const char *id,
				 struct yaml_node *source)
{
	struct bake *bake = secrets->bake;
	const struct yaml_node *there = map_get(secrets->sources, id);
	const char *name = id;

	if (there && !node_equal(there, source))
		name = arena_join(bake->arena, target->name, "-", id, NULL);
	if (!map_get(secrets->sources, name))
		map_set(secrets->sources, name, source);
	return name;
}

static struct yaml_node *secret_node(struct bake_secrets *secrets, const struct bake_target *target,
				     const struct hcl_value *secret)
{
	struct bake *bake = secrets->bake;
	struct pos pos = hcl_pos(&bake->eval, secret->place);
	const char *id = csv_attribute(bake, secret->text, "id"), *env = csv_attribute(bake, secret->text, "env");
	const char *file = csv_attribute(bake, secret->text, "src"), *type = csv_attribute(bake, secret->text, "type");
	const char *name;
	struct made_map source = { arena_array(bake->arena, 1, sizeof(struct entry)), 0 };
	struct made_map use = { arena_array(bake->arena, 2, sizeof(struct entry)), 0 };

	if (!file)
		file = csv_attribute(bake, secret->text, "source");
	if (!file && type && !strcmp(type, "file"))
		file = id;
	if (!id)
		return hcl_fail(&bake->eval, secret->place, "write \"id=NAME,src=FILE\" or \"id=NAME,env=VARIABLE\"",
				"the secret has no id");
	put_entry(&source, file ? "file" : "environment", pos,
		  text_node(bake,
			    file  ? file
			    : env ? env
				  : id,
			    secret->place));
	name = secret_source(secrets, target, id, node_map(bake->arena, pos, source.entries, source.len));
	if (!strcmp(name, id))
		return text_node(bake, id, secret->place);
	put_entry(&use, "source", pos, text_node(bake, name, secret->place));
	put_entry(&use, "target", pos, text_node(bake, id, secret->place));
	return node_map(bake->arena, pos, use.entries, use.len);
}

static struct yaml_node *secrets_node(struct bake_secrets *secrets, const struct bake_target *target)
{
	const struct hcl_value *list = target->values[BAKE_SECRET];
	struct bake *bake = secrets->bake;
	struct yaml_node **items;
	size_t len = 0;

	if (!list || !list->len)
		return NULL;
	items = arena_array(bake->arena, list->len, sizeof(struct yaml_node *));
	for (size_t i = 0; i < list->len; i++) {
		struct yaml_node *item = secret_node(secrets, target, list->items[i]);

		if (item)
			items[len++] = item;
	}
	return node_list(bake->arena, hcl_pos(&bake->eval, list->place), items, len);
}

/* bake's "nofile=1024:2048" as compose writes it. */
static struct yaml_node *ulimits_node(struct bake *bake, const struct hcl_value *list)
{
	struct made_map made = { 0 };

	if (!list || !list->len)
		return NULL;
	made.entries = arena_array(bake->arena, list->len, sizeof(*made.entries));
	for (size_t i = 0; i < list->len; i++) {
		const struct hcl_value *item = list->items[i];
		const char *equals = strchr(item->text, '='), *colon = equals ? strchr(equals, ':') : NULL;
		struct pos pos = hcl_pos(&bake->eval, item->place);
		struct made_map both = { arena_array(bake->arena, 2, sizeof(struct entry)), 0 };

		if (!equals) {
			hcl_fail(&bake->eval, item->place, "write \"nofile=1024:2048\"", "\"%s\" is not a limit",
				 item->text);
			continue;
		}
		if (colon) {
			put_entry(&both, "soft", pos,
				  text_node(bake, arena_strndup(bake->arena, equals + 1, (size_t)(colon - equals - 1)),
					    item->place));
			put_entry(&both, "hard", pos, text_node(bake, colon + 1, item->place));
		}
		put_entry(&made, arena_strndup(bake->arena, item->text, (size_t)(equals - item->text)), pos,
			  colon ? node_map(bake->arena, pos, both.entries, both.len)
				: text_node(bake, equals + 1, item->place));
	}
	return node_map(bake->arena, hcl_pos(&bake->eval, list->place), made.entries, made.len);
}

/* The value of a key under its name in a manifest. */
static void put_as(struct bake *bake, const struct bake_target *target, enum bake_key key, const char *name,
		   struct made_map *build)
{
	const struct hcl_value *value = target->values[key];
	enum bake_shape shape = bake_keys[key].shape;
	struct yaml_node *node = NULL;

	if (!value)
		return;
	if (shape == BAKE_MAP)
		node = pairs_node(bake, value);
	else if (shape == BAKE_LIST || shape == BAKE_ENTRIES)
		node = bake_keys[key].joined ? list_node(bake, value, 0) : own_list(bake, value, 0);
	else if (*hcl_single_text(&bake->heap, value))
		node = value_node(bake, value);
	put_entry(build, name, hcl_pos(&bake->eval, value->place), node);
}

/* The attributes of an output that a build of files has; others change what is written. */
static bool output_known(const char *text)
{
	static const char *const known[] = { "type=", "dest=" };

	while (*text) {
		size_t part = strcspn(text, ",");

		if (strncmp(text, known[0], 5) != 0 && strncmp(text, known[1], 5) != 0)
			return false;
		text += part + (text[part] == ',');
	}
	return true;
}

/* An output as the manifest has it. */
static struct yaml_node *output_node(struct bake *bake, const struct bake_target *target, const struct hcl_value *item)
{
	const char *text = item->text, *type = csv_attribute(bake, text, "type"),
		   *dest = csv_attribute(bake, text, "dest");
	struct made_map made = { arena_array(bake->arena, 2, sizeof(struct entry)), 0 };
	struct pos pos = hcl_pos(&bake->eval, item->place);
	bool plain = !strchr(text, '=');

	if (plain)
		dest = text;
	if (!type)
		type = !plain ? "image" : !strcmp(text, "-") ? "tar" : "local";
	if (strcmp(type, "local") != 0 && strcmp(type, "tar") != 0)
		dest = NULL;
	if (strcmp(type, "local") != 0 && strcmp(type, "tar") != 0 && strcmp(type, "cacheonly") != 0)
		type = "image";
	else if (dest && !strcmp(dest, "-"))
		refuse_target(bake, target, true, "it writes a tar to the standard output", item->place);
	else if (!plain && !output_known(text))
		refuse_target(bake, target, true,
			      arena_printf(bake->arena, "its output \"%s\" has an attribute that is not supported", text),
			      item->place);
	put_entry(&made, "type", pos, text_node(bake, type, item->place));
	if (dest)
		put_entry(&made, "dest", pos, text_node(bake, dest, item->place));
	return node_map(bake->arena, pos, made.entries, made.len);
}

/* An image alone is what a service makes anyway, and nothing what a base of others does. */
static struct yaml_node *outputs_node(struct bake *bake, const struct bake_target *target, bool base)
{
	const struct hcl_value *list = target->values[BAKE_OUTPUT];
	struct yaml_node **items;
	bool files = false;

	if (!list || !list->len)
		return NULL;
	items = arena_array(bake->arena, list->len, sizeof(*items));
	for (size_t i = 0; i < list->len; i++) {
		const char *type;

		items[i] = output_node(bake, target, list->items[i]);
		type = node_get(items[i], "type")->text;
		files = files || (strcmp(type, "image") != 0 && !(base && strcmp(type, "cacheonly") == 0));
	}
	return files ? node_list(bake->arena, hcl_pos(&bake->eval, list->place), items, list->len) : NULL;
}

/* Neither a folder nor at a URL that contexts are fetched from. */
static bool is_strange(const char *context)
{
	return strstr(context, "://") && !remote_is_context(context);
}

static void check_buildable(struct bake *bake, const struct bake_target *target)
{
	const struct hcl_value *context = target->values[BAKE_CONTEXT], *call = target->values[BAKE_CALL];
	enum service_call asked;

	if (context && (is_strange(folder_of(context->text)) || without_prefix(context->text, "target:")))
		refuse_target(bake, target, false, "its context is not a folder", context->place);
	if (call && *call->text && strcmp(call->text, "build") != 0 && !bake_only_asked(bake, target->name, &asked))
		refuse_target(bake, target, true,
			      arena_printf(bake->arena, "it is for call \"%s\", not for building", call->text),
			      call->place);
}

/* bake adds "network.host" for that network; here each builder does what it needs for it. */
static struct yaml_node *rights_node(struct bake *bake, const struct hcl_value *const *values)
{
	const struct hcl_value *list = values[BAKE_ENTITLEMENTS], *network = values[BAKE_NETWORK], **items;
	bool host = network && !strcmp(network->text, "host");
	size_t len = 0;

	if (!list)
		return NULL;
	items = arena_array(bake->arena, list->len, sizeof(*items));
	for (size_t i = 0; i < list->len; i++)
		if (!host || strcmp(list->items[i]->text, "network.host") != 0)
			items[len++] = list->items[i];
	list = hcl_placed(&bake->heap, hcl_sequence(&bake->heap, HCL_LIST, items, len), list->place);
	return list_node(bake, list, 0);
}

static struct yaml_node *build_node(struct bake_secrets *secrets, const struct bake_target *target, bool base)
{
	static const struct {
		enum bake_key key;
		const char *name;
	} same[] = { { BAKE_TARGET, "target" },
		     { BAKE_ARGS, "args" },
		     { BAKE_LABELS, "labels" },
		     { BAKE_NETWORK, "network" },
		     { BAKE_SHM_SIZE, "shm_size" },
		     { BAKE_EXTRA_HOSTS, "extra_hosts" },
		     { BAKE_SSH, "ssh" },
		     { BAKE_CACHE_FROM, "cache_from" },
		     { BAKE_CACHE_TO, "cache_to" },
		     { BAKE_ANNOTATIONS, "annotations" },
		     { BAKE_NO_CACHE, "no_cache" },
		     { BAKE_PULL, "pull" },
		     { BAKE_NO_CACHE_FILTER, "no_cache_filter" } };
	struct bake *bake = secrets->bake;
	const struct hcl_value *context = target->values[BAKE_CONTEXT], *const *values = target->values;
	struct pos pos = hcl_pos(&bake->eval, target->place);
	struct made_map build = { arena_array(bake->arena, BAKE_KEYS + 5, sizeof(struct entry)), 0 };
	const struct bake_refusal *refusal = map_get(bake->refused, target->name);
	bool text = values[BAKE_DOCKERFILE_INLINE] != NULL;

	if (context && *context->text && !(refusal && !refusal->alone))
		put_entry(&build, "context", hcl_pos(&bake->eval, context->place),
			  text_node(bake, folder_of(context->text), context->place));
	if (!text)
		put_as(bake, target, BAKE_DOCKERFILE, "dockerfile", &build);
	put_as(bake, target, BAKE_DOCKERFILE_INLINE, "dockerfile_inline", &build);
	for (size_t i = 0; i < sizeof(same) / sizeof(same[0]); i++)
		put_as(bake, target, same[i].key, same[i].name, &build);
	put_entry(&build, "entitlements", pos, rights_node(bake, values));
	put_entry(&build, "platforms", pos, platforms_node(bake, values[BAKE_PLATFORMS]));
	put_entry(&build, "tags", pos, own_list(bake, values[BAKE_TAGS], 1));
	put_entry(&build, "additional_contexts", pos, contexts_node(bake, target));
	put_entry(&build, "secrets", pos, secrets_node(secrets, target));
	put_entry(&build, "ulimits", pos, ulimits_node(bake, values[BAKE_ULIMITS]));
	put_entry(&build, "outputs", pos, outputs_node(bake, target, base));
	put_attests(bake, target, &build);
	return node_map(bake->arena, pos, build.entries, build.len);
}

struct yaml_node *bake_service_node(struct bake_secrets *secrets, const struct bake_target *target, bool base)
{
	struct bake *bake = secrets->bake;
	struct pos pos = hcl_pos(&bake->eval, target->place);
	struct made_map service = { arena_array(bake->arena, 4, sizeof(struct entry)), 0 };
	const struct hcl_value *tags = target->values[BAKE_TAGS], *text = target->values[BAKE_DESCRIPTION];
	bool nameless = base && !(tags && tags->len);

	check_buildable(bake, target);
	if (tags && tags->len)
		put_entry(&service, "image", hcl_pos(&bake->eval, tags->items[0]->place),
			  value_node(bake, tags->items[0]));
	if (text && *text->text)
		put_entry(&service, "x-description", pos, value_node(bake, text));
	put_entry(&service, "build", pos, build_node(secrets, target, nameless));
	if (nameless)
		put_entry(&service, "publish", pos, text_node(bake, "false", target->place));
	return node_map(bake->arena, pos, service.entries, service.len);
}
