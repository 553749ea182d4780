#include "config.h"

#include <string.h>

#include "base/mem.h"
#include "dsl/node.h"

static struct yaml_node *node_make(struct arena *arena, enum node_kind kind, struct pos pos)
{
	struct yaml_node *node = arena_alloc(arena, sizeof(*node));

	node->kind = kind;
	node->pos = pos;
	node->size = 1;
	return node;
}

static void take_child(struct yaml_node *parent, const struct yaml_node *child)
{
	parent->dollar |= child->dollar;
	parent->resets |= child->resets;
	if (child->height >= parent->height)
		parent->height = (uint16_t)(child->height + 1);
	if (__builtin_add_overflow(parent->size, child->size, &parent->size))
		parent->size = UINT32_MAX;
}

struct yaml_node *node_scalar(struct arena *arena, struct pos pos, const char *text)
{
	struct yaml_node *node = node_make(arena, NODE_SCALAR, pos);

	node->text = text;
	node->len = strlen(text);
	node->dollar = memchr(text, '$', node->len) != NULL;
	return node;
}

struct yaml_node *node_list(struct arena *arena, struct pos pos, struct yaml_node **items, size_t len)
{
	struct yaml_node *node = node_make(arena, NODE_LIST, pos);

	node->items = items;
	node->len = len;
	node->height = 1;
	for (size_t i = 0; i < len; i++)
		take_child(node, items[i]);
	return node;
}

struct yaml_node *node_map(struct arena *arena, struct pos pos, struct entry *entries, size_t len)
{
	struct yaml_node *node = node_make(arena, NODE_MAP, pos);

	node->entries = entries;
	node->len = len;
	node->height = 1;
	for (size_t i = 0; i < len; i++)
		take_child(node, entries[i].value);
	return node;
}

struct yaml_node *node_broken(struct arena *arena, struct pos pos)
{
	return node_make(arena, NODE_BROKEN, pos);
}

void node_set_tag(struct yaml_node *node, enum node_tag tag)
{
	node->tag = tag;
	node->resets |= tag == NODE_RESET;
}

static struct yaml_node *strip_list(struct arena *arena, const struct yaml_node *node, unsigned levels)
{
	struct yaml_node **items = arena_array(arena, node->len, sizeof(struct yaml_node *));
	size_t len = 0;

	for (size_t i = 0; i < node->len; i++)
		if (node->items[i]->tag != NODE_RESET)
			items[len++] = node_strip(arena, node->items[i], levels - 1);
	return node_list(arena, node->pos, items, len);
}

static struct yaml_node *strip_map(struct arena *arena, const struct yaml_node *node, unsigned levels)
{
	struct entry *entries = arena_array(arena, node->len, sizeof(*entries));
	size_t len = 0;

	for (size_t i = 0; i < node->len; i++) {
		if (node->entries[i].value->tag == NODE_RESET)
			continue;
		entries[len] = node->entries[i];
		entries[len++].value = node_strip(arena, node->entries[i].value, levels - 1);
	}
	return node_map(arena, node->pos, entries, len);
}

struct yaml_node *node_strip(struct arena *arena, struct yaml_node *node, unsigned levels)
{
	struct yaml_node *result;

	if (!node->resets || !levels || (node->kind != NODE_LIST && node->kind != NODE_MAP))
		return node;
	result = node->kind == NODE_LIST ? strip_list(arena, node, levels) : strip_map(arena, node, levels);
	result->tag = node->tag;
	return result;
}

struct entry *node_entry(const struct yaml_node *node, const char *key)
{
	if (!node || node->kind != NODE_MAP)
		return NULL;
	for (size_t i = 0; i < node->len; i++)
		if (!strcmp(node->entries[i].key, key))
			return &node->entries[i];
	return NULL;
}

struct yaml_node *node_get(const struct yaml_node *node, const char *key)
{
	struct entry *entry = node_entry(node, key);

	return entry ? entry->value : NULL;
}

bool node_equal(const struct yaml_node *a, const struct yaml_node *b)
{
	if (a == b)
		return true;
	if (a->kind != b->kind || (a->kind != NODE_NULL && a->len != b->len))
		return false;
	if (a->kind == NODE_SCALAR)
		return !strcmp(a->text, b->text);
	for (size_t i = 0; a->kind == NODE_LIST && i < a->len; i++)
		if (!node_equal(a->items[i], b->items[i]))
			return false;
	for (size_t i = 0; a->kind == NODE_MAP && i < a->len; i++)
		if (strcmp(a->entries[i].key, b->entries[i].key) != 0 ||
		    !node_equal(a->entries[i].value, b->entries[i].value))
			return false;
	return true;
}

const char *node_type_name(const struct yaml_node *node)
{
	switch (node->kind) {
	case NODE_NULL:
		return "empty";
	case NODE_SCALAR:
		return "a single value";
	case NODE_LIST:
		return "a list";
	case NODE_MAP:
		return "a map";
	case NODE_BROKEN:
		break;
	}
	return "broken";
}

bool node_key_ignored(const char *key)
{
	return key[0] == 'x' && key[1] == '-';
}
