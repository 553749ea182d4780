#include "config.h"

#include <string.h>

#include "base/mem.h"
#include "dsl/decode.h"
#include "dsl/manifest.h"
#include "dsl/node.h"
#include "dsl/schema.h"

/* compose's env_file (compose-spec, 05-services): a path, or a list of paths and of {path, required, format}. */

static bool decode_long(struct decode *d, const struct schema_key *key, const struct yaml_node *node, struct env_file *ret)
{
	static const struct schema_key required_key = { .name = "required", .type = TYPE_BOOL };
	static const struct schema_key format_key = { .name = "format", .type = TYPE_TEXT };
	const struct yaml_node *path = node_get(node, "path"), *required = node_get(node, "required");
	const struct yaml_node *format = node_get(node, "format");
	struct text text;
	bool needed = true;

	decode_known(d, key, node, "an env file");
	if (!path) {
		diags_add(d->diags, node->pos, NULL, "an env file needs \"path\"");
		return false;
	}
	if (required && required->kind != NODE_NULL)
		decode_value(d, &required_key, required, &needed);
	ret->optional = !needed;
	if (format && format->kind != NODE_NULL && decode_text(d, &format_key, format, &text)) {
		ret->raw = !strcmp(text.s, "raw");
		if (!ret->raw)
			diags_add(d->diags, text.pos, "the only format is \"raw\"",
				  "unknown format \"%s\" of an env file", text.s);
	}
	return decode_text(d, key, path, &ret->path);
}

static bool decode_one(struct decode *d, const struct schema_key *key, const struct yaml_node *node, struct env_file *ret)
{
	if (node->kind == NODE_MAP)
		return decode_long(d, key, node, ret);
	if (node->kind == NODE_SCALAR)
		return decode_text(d, key, node, &ret->path);
	if (node->kind != NODE_BROKEN)
		diags_add(d->diags, node->pos, "write a path, or {path: ..., required: false}",
			  "an item of \"%s\" must be a path or a map, but this is %s", key->name, node_type_name(node));
	return false;
}

void decode_env_files(struct decode *d, const struct schema_key *key, const struct yaml_node *node, void *out)
{
	struct schema_key filled = *key;
	struct env_file *files;
	size_t count = node->kind == NODE_LIST ? node->len : 1, len = 0;

	filled.flags |= FLAG_FILLED;
	if (node->kind != NODE_LIST && node->kind != NODE_SCALAR) {
		decode_wrong_type(d, key, node);
		return;
	}
	files = arena_array(d->arena, count, sizeof(*files));
	for (size_t i = 0; i < count; i++)
		len += decode_one(d, &filled, node->kind == NODE_LIST ? node->items[i] : node, &files[len]);
	decode_put_array(out, files, len);
}
