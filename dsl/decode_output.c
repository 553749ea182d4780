#include "config.h"

#include <string.h>

#include "base/diag.h"
#include "base/mem.h"
#include "base/table.h"
#include "dsl/choice.h"
#include "dsl/decode.h"
#include "dsl/manifest.h"
#include "dsl/node.h"
#include "dsl/schema.h"

/* What a build makes (build.outputs). */

static const char *const output_kinds[] = { "local", "tar", "cacheonly", "image" };
TABLE_COMPLETE(output_kinds, OUTPUT_KINDS);

static const struct word_choice output_types = {
	.names = output_kinds,
	.len = OUTPUT_KINDS,
	.before = "",
	.after = " is not a type of output",
	.help = "write \"local\", \"tar\", \"cacheonly\" or \"image\"",
};

static bool output_from_map(struct decode *d, const struct schema_key *key, const struct yaml_node *node,
			    struct build_output *ret)
{
	static const struct schema_key type_key = { .name = "type", .type = TYPE_TEXT, .flags = FLAG_FILLED };
	static const struct schema_key dest_key = { .name = "dest", .type = TYPE_TEXT, .flags = FLAG_FILLED };
	const struct yaml_node *type = node_get(node, "type"), *dest = node_get(node, "dest");
	struct text text;
	size_t kind;
	bool files;

	decode_known(d, key, node, "an output");
	if (!type) {
		diags_add(d->diags, node->pos, "write {type: local, dest: PATH}", "an output needs \"type\"");
		return false;
	}
	if (!decode_text(d, &type_key, type, &text) || !choice_find(&output_types, &text, d->diags, d->arena, &kind))
		return false;
	ret->kind = (enum output_kind)kind;
	files = ret->kind == OUTPUT_LOCAL || ret->kind == OUTPUT_TAR;
	if (dest && !files) {
		diags_add(d->diags, dest->pos, NULL, "an output of the type \"%s\" has no \"dest\"", text.s);
		return false;
	}
	if (!dest && files) {
		diags_add(d->diags, node->pos,
			  ret->kind == OUTPUT_LOCAL ? "name the folder for the files" : "name the tar for the files",
			  "an output of the type \"%s\" needs \"dest\"", text.s);
		return false;
	}
	return !dest || decode_text(d, &dest_key, dest, &ret->dest);
}

/* A single text is a folder for the files. */
static bool decode_output(struct decode *d, const struct schema_key *key, const struct yaml_node *node,
			  struct build_output *ret)
{
	struct schema_key filled = *key;

	filled.flags |= FLAG_FILLED;
	if (node->kind == NODE_MAP)
		return output_from_map(d, key, node, ret);
	if (node->kind == NODE_SCALAR)
		return decode_text(d, &filled, node, &ret->dest);
	if (node->kind != NODE_BROKEN)
		diags_add(d->diags, node->pos, "write {type: local, dest: PATH}",
			  "an item of \"%s\" must be an output, but this is %s", key->name, node_type_name(node));
	return false;
}

void decode_outputs(struct decode *d, const struct schema_key *key, const struct yaml_node *node, void *out)
{
	struct build_output *outputs;
	size_t len = 0;

	if (node->kind != NODE_LIST) {
		decode_wrong_type(d, key, node);
		return;
	}
	outputs = arena_array(d->arena, node->len, sizeof(*outputs));
	for (size_t i = 0; i < node->len; i++)
		len += decode_output(d, key, node->items[i], &outputs[len]);
	decode_put_array(out, outputs, len);
}
