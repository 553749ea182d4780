#include "config.h"

#include <string.h>

#include "base/buf.h"
#include "base/json.h"
#include "cli/convert/node_json.h"
#include "dsl/node.h"

static struct json *tree_text(const char *text, bool literal)
{
	cleanup_buf struct buf doubled = { 0 };

	if (!literal || !strchr(text, '$'))
		return json_new_string(text);
	for (; *text; text++) {
		buf_str(&doubled, *text == '$' ? "$" : "");
		buf_char(&doubled, *text);
	}
	return json_new_string(doubled.data);
}

struct json *tree_json(const struct yaml_node *node, bool literal)
{
	struct json *tree;

	switch (node->kind) {
	case NODE_SCALAR:
		return tree_text(node->text, literal);
	case NODE_LIST:
		tree = json_new_array();
		for (size_t i = 0; i < node->len; i++)
			json_append(tree, tree_json(node->items[i], literal));
		return tree;
	case NODE_MAP:
		tree = json_new_object();
		for (size_t i = 0; i < node->len; i++)
			json_set(tree, node->entries[i].key, tree_json(node->entries[i].value, literal));
		return tree;
	case NODE_NULL:
	case NODE_BROKEN:
		break;
	}
	return json_new_null();
}
