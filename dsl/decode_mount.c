#include "config.h"

#include <string.h>

#include "base/diag.h"
#include "base/mem.h"
#include "dsl/decode.h"
#include "dsl/manifest.h"
#include "dsl/node.h"
#include "dsl/schema.h"

/* compose's volumes of a service (compose-spec, 05-services): "SOURCE:TARGET:OPTIONS", "TARGET", or a map. */

/* The options of the short form that have a meaning here; the others are hints for other systems. */
static const char *mount_options(struct decode *d, const char *s)
{
	static const char *const known[] = { "ro", "z", "Z" };
	const char *options = "";

	while (*s) {
		size_t len = strcspn(s, ",");

		for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++) {
			if (strlen(known[i]) == len && strncmp(s, known[i], len) == 0)
				options = arena_join(d->arena, options, *options ? "," : "", known[i], NULL);
		}
		s += len + (s[len] == ',');
	}
	return options;
}

static bool is_path(const char *source)
{
	return source[0] == '.' || source[0] == '/' || source[0] == '~';
}

static bool short_mount(struct decode *d, const struct text *text, struct mount *ret)
{
	const char *colon = strchr(text->s, ':'), *second = colon ? strchr(colon + 1, ':') : NULL;
	const char *target = colon ? colon + 1 : text->s;

	*ret = (struct mount){ .options = second ? mount_options(d, second + 1) : "" };
	ret->target = second ? arena_strndup(d->arena, target, (size_t)(second - target)) : target;
	if (colon) {
		ret->source.s = arena_strndup(d->arena, text->s, (size_t)(colon - text->s));
		ret->source.pos = text->pos;
		ret->kind = is_path(ret->source.s) ? MOUNT_BIND : MOUNT_VOLUME;
	}
	if (*ret->target && !(ret->source.s && !*ret->source.s))
		return true;
	diags_add(d->diags, text->pos, "write \"./data:/data\", \"data:/data\" or \"./data:/data:ro\"",
		  "\"%s\" is not a volume", text->s);
	return false;
}

/* True with *ret NULL when the map does not have it. */
static bool part(struct decode *d, const struct yaml_node *map, const char *name, struct text *ret)
{
	static const struct schema_key text_key = { .name = "volumes", .type = TYPE_TEXT };
	const struct yaml_node *node = node_get(map, name);

	*ret = (struct text){ 0 };
	return !node || node->kind == NODE_NULL || decode_text(d, &text_key, node, ret);
}

static bool long_mount(struct decode *d, const struct schema_key *key, const struct yaml_node *node, struct mount *ret)
{
	static const struct schema_key bool_key = { .name = "read_only", .type = TYPE_BOOL };
	const struct yaml_node *read_only = node_get(node, "read_only");
	struct text type, target, label;
	bool fixed = false;

	*ret = (struct mount){ 0 };
	decode_known(d, key, node, "a volume");
	if (!part(d, node, "type", &type) || !part(d, node, "source", &ret->source) || !part(d, node, "target", &target))
		return false;
	if (!target.s || !*target.s) {
		diags_add(d->diags, node->pos, NULL, "a volume needs \"target\": where it is in the container");
		return false;
	}
	if (read_only && read_only->kind != NODE_NULL)
		decode_value(d, &bool_key, read_only, &fixed);
	ret->target = target.s;
	if (!part(d, node_get(node, "bind"), "selinux", &label))
		return false;
	ret->options = arena_join(d->arena, fixed ? "ro" : "", fixed && label.s ? "," : "", label.s ? label.s : "", NULL);
	ret->kind = type.s && strcmp(type.s, "bind") == 0    ? MOUNT_BIND
		    : type.s && strcmp(type.s, "tmpfs") == 0 ? MOUNT_TMPFS
							     : MOUNT_VOLUME;
	/* compose's other types (npipe, cluster, image) are not supported. */
	return !type.s || ret->kind != MOUNT_VOLUME || strcmp(type.s, "volume") == 0;
}

/* A later volume with the same target replaces the earlier one. */
static size_t add_mount(struct mount *mounts, size_t len)
{
	for (size_t i = 0; i < len; i++) {
		if (strcmp(mounts[i].target, mounts[len].target) == 0) {
			mounts[i] = mounts[len];
			return len;
		}
	}
	return len + 1;
}

void decode_mounts(struct decode *d, const struct schema_key *key, const struct yaml_node *node, void *out)
{
	struct mount *mounts;
	size_t len = 0;

	if (node->kind != NODE_LIST) {
		decode_wrong_type(d, key, node);
		return;
	}
	mounts = arena_array(d->arena, node->len, sizeof(*mounts));
	for (size_t i = 0; i < node->len; i++) {
		const struct yaml_node *item = node->items[i];
		struct text text;

		if (item->kind == NODE_MAP)
			len = long_mount(d, key, item, &mounts[len]) ? add_mount(mounts, len) : len;
		else if (item->kind != NODE_SCALAR && item->kind != NODE_BROKEN)
			diags_add(d->diags, item->pos, NULL, "an item of \"%s\" must be a volume, but this is %s",
				  key->name, node_type_name(item));
		else if (decode_text(d, key, item, &text))
			len = short_mount(d, &text, &mounts[len]) ? add_mount(mounts, len) : len;
	}
	decode_put_array(out, mounts, len);
}
