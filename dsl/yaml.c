#include "config.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <yaml.h>

#include "base/map.h"
#include "base/mem.h"
#include "base/text.h"
#include "dsl/node.h"
#include "dsl/yaml.h"
#include "dsl/yaml_error.h"

/* Up to this many keys are compared one by one; beyond, a map is used. */
#define SMALL_MAP 16

/* libyaml's marks count code points and recognise more line ends than we do, so we walk the text ourselves. Marks
 * come in the order of the text, so one pass is enough. */
struct yaml_cursor {
	size_t offset; /* byte */
	size_t index;  /* code point */
	uint32_t line, column;
};

/* A collection that is still open. */
struct yaml_level {
	bool map;
	enum node_tag tag;
	struct pos pos;
	const char *anchor;
	size_t first;    /* where its children begin in `pending` */
	const char *key; /* the key whose value is awaited */
	struct pos key_pos;
	bool merge; /* the key is a plain "<<" */
};

struct pending {
	const char *key;
	struct pos pos;
	struct yaml_node *value;
	bool merge;
};

struct yaml_reader {
	yaml_parser_t parser;
	struct arena *arena;
	struct diags *diags;
	uint32_t file;
	const char *text;
	size_t len;
	struct yaml_cursor cursor;
	struct yaml_level levels[YAML_DEPTH_MAX];
	size_t depth;
	struct pending *pending;
	size_t pending_len, pending_cap;
	struct map *anchors; /* name -> node; the reader itself marks an anchor that is still open */
	size_t nodes;
	struct yaml_node *root;
	bool several; /* several documents are allowed */
	struct yaml_node **documents;
	size_t documents_len, documents_cap;
};

static void advance(struct yaml_reader *r, size_t index)
{
	struct yaml_cursor *c = &r->cursor;

	while (c->index < index && c->offset < r->len) {
		unsigned char byte = (unsigned char)r->text[c->offset++];

		while (c->offset < r->len && (r->text[c->offset] & 0xc0) == 0x80)
			c->offset++;
		c->index++;
		c->column++;
		if (byte == '\n') {
			c->line++;
			c->column = 1;
		}
	}
}

static struct pos here(const struct yaml_reader *r)
{
	return (struct pos){ r->file, r->cursor.line, r->cursor.column };
}

/* Moves to where a value's own text begins: after its anchor and tag. */
static struct pos start_of(struct yaml_reader *r, const yaml_event_t *event)
{
	static const char blank[] = " \t\r\n";

	advance(r, event->start_mark.index);
	while (r->cursor.offset < r->len && strchr("&!", r->text[r->cursor.offset]) &&
	       event->end_mark.index > r->cursor.index) {
		while (r->cursor.offset < r->len && !strchr(" \t\r\n", r->text[r->cursor.offset]))
			advance(r, r->cursor.index + 1);
		while (r->cursor.offset < r->len && strchr(blank, r->text[r->cursor.offset]) &&
		       event->end_mark.index > r->cursor.index)
			advance(r, r->cursor.index + 1);
	}
	return here(r);
}

static int too_many(struct yaml_reader *r, struct pos pos)
{
	diags_add(r->diags, pos, NULL,
		  "the manifest has more than %d values (those behind aliases counted each time they are used)",
		  YAML_NODES_MAX);
	return -1;
}

static int yaml_count(struct yaml_reader *r, struct pos pos, size_t nodes)
{
	r->nodes += nodes;
	return r->nodes > YAML_NODES_MAX ? too_many(r, pos) : 0;
}

static int too_deep(struct yaml_reader *r, struct pos pos)
{
	diags_add(r->diags, pos, NULL, "values are nested more than %d levels deep", YAML_DEPTH_MAX);
	return -1;
}

static void set_anchor(struct yaml_reader *r, const char *name, void *value)
{
	if (name)
		map_set(r->anchors, name, value);
}

/* Takes a key, which must be a scalar. The level keeps it until its value comes. */
static int take_key(struct yaml_reader *r, struct yaml_level *level, const struct yaml_node *node, bool plain)
{
	if (node->kind == NODE_LIST || node->kind == NODE_MAP) {
		diags_add(r->diags, node->pos, NULL, "a key must be a single word or text, not %s", node_type_name(node));
		return -1;
	}
	level->key = node->kind == NODE_SCALAR ? node->text : node->kind == NODE_BROKEN ? "x-broken" : "";
	level->key_pos = node->pos;
	level->merge = plain && !strcmp(level->key, "<<");
	return 0;
}

/* Adds a finished value to the open collection, or makes it the root. */
static int yaml_place(struct yaml_reader *r, struct yaml_node *node, bool plain)
{
	struct yaml_level *level = r->depth ? &r->levels[r->depth - 1] : NULL;
	struct pending *item;

	if (!level) {
		r->root = node;
		return 0;
	}
	if (level->map && !level->key)
		return take_key(r, level, node, plain);
	mem_reserve(&r->pending, &r->pending_cap, r->pending_len + 1, sizeof(*r->pending));
	item = &r->pending[r->pending_len++];
	*item = (struct pending){ level->key, level->key_pos, node, level->merge };
	level->key = NULL;
	return 0;
}

static bool is_null(const char *s)
{
	return !*s || !strcmp(s, "~") || !strcmp(s, "null") || !strcmp(s, "Null") || !strcmp(s, "NULL");
}

/* Accepts compose's tags, and tags that only say what the schema requires anyway. */
static enum node_tag yaml_check_tag(struct yaml_reader *r, const yaml_event_t *event, const char *tag)
{
	static const char *const known[] = { YAML_STR_TAG,  YAML_INT_TAG, YAML_FLOAT_TAG, YAML_BOOL_TAG,
					     YAML_NULL_TAG, YAML_MAP_TAG, YAML_SEQ_TAG,   "!" };

	if (!tag)
		return NODE_PLAIN;
	if (!strcmp(tag, "!reset"))
		return NODE_RESET;
	if (!strcmp(tag, "!override"))
		return NODE_OVERRIDE;
	for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++)
		if (!strcmp(tag, known[i]))
			return NODE_PLAIN;
	advance(r, event->start_mark.index);
	diags_add(r->diags, here(r), NULL, "unknown tag \"%s\"", tag);
	return NODE_PLAIN;
}

static int read_scalar(struct yaml_reader *r, const yaml_event_t *event)
{
	const char *value = (const char *)event->data.scalar.value;
	const char *tag = (const char *)event->data.scalar.tag;
	size_t len = event->data.scalar.length;
	bool plain = event->data.scalar.style == YAML_PLAIN_SCALAR_STYLE && (!tag || strcmp(tag, YAML_STR_TAG) != 0);
	struct yaml_level *level = r->depth ? &r->levels[r->depth - 1] : NULL;
	bool is_key = level && level->map && !level->key;
	struct yaml_node *node;
	enum node_tag node_tag = yaml_check_tag(r, event, tag);
	struct pos pos = start_of(r, event);
	size_t offset;

	offset = r->cursor.offset;
	if (!is_key && yaml_count(r, pos, 1) < 0)
		return -1;
	if (!len && plain && level && level->key)
		pos = level->key_pos;
	if (memchr(value, '\0', len) || memchr(value, '\x01', len) || memchr(value, '\x02', len)) {
		diags_add(r->diags, pos, NULL, "the text contains the control character \\x%02x",
			  memchr(value, '\0', len)     ? 0
			  : memchr(value, '\x01', len) ? 1
						       : 2);
		node = node_broken(r->arena, pos);
	} else {
		node = node_scalar(r->arena, pos, arena_strndup(r->arena, value, len));
	}
	if (node->kind == NODE_SCALAR && plain && is_null(node->text))
		node->kind = NODE_NULL;
	advance(r, event->end_mark.index);
	node_set_tag(node, node_tag);
	node->offset = offset;
	node->end = r->cursor.offset;
	if (event->data.scalar.anchor)
		set_anchor(r, arena_strdup(r->arena, (const char *)event->data.scalar.anchor), node);
	return yaml_place(r, node, plain);
}

static int read_alias(struct yaml_reader *r, const yaml_event_t *event)
{
	const char *name = (const char *)event->data.alias.anchor;
	struct yaml_node *node = map_get(r->anchors, name);
	struct pos pos;

	advance(r, event->start_mark.index);
	pos = here(r);
	if (!node || (void *)node == r) {
		if (node)
			diags_add(r->diags, pos, NULL, "the alias \"*%s\" is inside the value that it names", name);
		else
			diags_add(r->diags, pos, NULL, "there is no anchor \"&%s\" above for the alias \"*%s\"", name,
				  name);
		return yaml_place(r, node_broken(r->arena, pos), false);
	}
	if (r->depth + node->height > YAML_DEPTH_MAX)
		return too_deep(r, pos);
	if (yaml_count(r, pos, node->size) < 0)
		return -1;
	return yaml_place(r, node, false);
}

static int open_level(struct yaml_reader *r, const yaml_event_t *event, bool map, const yaml_char_t *anchor,
		      const yaml_char_t *tag)
{
	enum node_tag node_tag = yaml_check_tag(r, event, (const char *)tag);
	struct pos pos = start_of(r, event);
	struct yaml_level *level;

	if (yaml_count(r, pos, 1) < 0)
		return -1;
	if (r->depth == YAML_DEPTH_MAX)
		return too_deep(r, pos);
	level = &r->levels[r->depth++];
	*level = (struct yaml_level){ .map = map, .tag = node_tag, .pos = pos, .first = r->pending_len };
	if (anchor) {
		level->anchor = arena_strdup(r->arena, (const char *)anchor);
		set_anchor(r, level->anchor, r);
	}
	return 0;
}

/* A set of keys with their positions: compared one by one while few, in a map when many. */
struct keys {
	const struct entry *entries;
	size_t len;
	struct map *map;
};

static const struct entry *keys_find(const struct keys *keys, const char *key)
{
	if (keys->map)
		return map_get(keys->map, key);
	for (size_t i = 0; i < keys->len; i++)
		if (!strcmp(keys->entries[i].key, key))
			return &keys->entries[i];
	return NULL;
}

static void keys_add(struct keys *keys, struct entry *entry)
{
	keys->len++;
	if (keys->map)
		map_set(keys->map, entry->key, entry);
}

/* Adds the entries of one map named by "<<". Keys that the map already has win. */
static void merge_map(struct yaml_reader *r, struct keys *keys, struct entry *entries, const struct yaml_node *from,
		      struct pos pos)
{
	if (from->kind == NODE_BROKEN)
		return;
	if (from->kind != NODE_MAP) {
		diags_add(r->diags, pos, NULL, "\"<<\" takes a map or a list of maps");
		return;
	}
	for (size_t i = 0; i < from->len; i++) {
		if (keys_find(keys, from->entries[i].key))
			continue;
		entries[keys->len] = from->entries[i];
		keys_add(keys, &entries[keys->len]);
	}
}

static void yaml_merge_value(struct yaml_reader *r, struct keys *keys, struct entry *entries, const struct pending *item)
{
	const struct yaml_node *value = item->value;

	if (value->kind != NODE_LIST) {
		merge_map(r, keys, entries, value, item->pos);
		return;
	}
	for (size_t i = 0; i < value->len; i++)
		merge_map(r, keys, entries, value->items[i], item->pos);
}

static size_t merged_len(const struct yaml_node *value)
{
	size_t len = value->kind == NODE_MAP ? value->len : 0;

	for (size_t i = 0; value->kind == NODE_LIST && i < value->len; i++)
		len += value->items[i]->kind == NODE_MAP ? value->items[i]->len : 0;
	return len;
}

static void own_entries(struct yaml_reader *r, struct keys *keys, struct entry *entries, const struct pending *items,
			size_t len)
{
	for (size_t i = 0; i < len; i++) {
		const struct entry *first;

		if (items[i].merge)
			continue;
		first = keys_find(keys, items[i].key);
		if (first) {
			diags_add(r->diags, items[i].pos, NULL, "the key \"%s\" is given twice", items[i].key);
			diags_note(r->diags, first->pos, "first given here");
			continue;
		}
		entries[keys->len] = (struct entry){ items[i].key, items[i].pos, items[i].value };
		keys_add(keys, &entries[keys->len]);
	}
}

static struct yaml_node *make_map(struct yaml_reader *r, struct pos pos, const struct pending *items, size_t len)
{
	struct map *map cleanup_map = NULL;
	struct keys keys = { 0 };
	struct entry *entries;
	size_t room = len;

	for (size_t i = 0; i < len; i++)
		if (items[i].merge)
			room += merged_len(items[i].value);
	entries = arena_array(r->arena, room, sizeof(*entries));
	if (room > SMALL_MAP)
		map = map_new();
	keys.entries = entries;
	keys.map = map;
	own_entries(r, &keys, entries, items, len);
	for (size_t i = 0; i < len; i++)
		if (items[i].merge)
			yaml_merge_value(r, &keys, entries, &items[i]);
	return node_map(r->arena, pos, entries, keys.len);
}

static struct yaml_node *make_list(struct yaml_reader *r, struct pos pos, const struct pending *items, size_t len)
{
	struct yaml_node **nodes = arena_array(r->arena, len, sizeof(struct yaml_node *));

	for (size_t i = 0; i < len; i++)
		nodes[i] = items[i].value;
	return node_list(r->arena, pos, nodes, len);
}

static int close_level(struct yaml_reader *r)
{
	struct yaml_level *level = &r->levels[--r->depth];
	const struct pending *items = r->pending ? r->pending + level->first : NULL; /* NULL: all are empty so far */
	size_t len = r->pending_len - level->first;
	struct yaml_node *node;

	node = level->map ? make_map(r, level->pos, items, len) : make_list(r, level->pos, items, len);
	node_set_tag(node, level->tag);
	r->pending_len = level->first;
	set_anchor(r, level->anchor, node);
	return yaml_place(r, node, false);
}

static void end_document(struct yaml_reader *r)
{
	if (!r->several || !r->root)
		return;
	mem_reserve(&r->documents, &r->documents_cap, r->documents_len + 1, sizeof(struct yaml_node *));
	r->documents[r->documents_len++] = steal_ptr(r->root);
	map_free(r->anchors);
	r->anchors = map_new();
}

/* 1: more to come, 0: the end, negative: complaint. */
static int yaml_take_event(struct yaml_reader *r, const yaml_event_t *event)
{
	int result = 0;

	switch (event->type) {
	case YAML_STREAM_END_EVENT:
		return 0;
	case YAML_DOCUMENT_START_EVENT:
		if (r->root) {
			advance(r, event->start_mark.index);
			diags_add(r->diags, here(r), NULL, "a manifest is one YAML document; a second one begins here");
			return -1;
		}
		break;
	case YAML_DOCUMENT_END_EVENT:
		end_document(r);
		break;
	case YAML_SCALAR_EVENT:
		result = read_scalar(r, event);
		break;
	case YAML_ALIAS_EVENT:
		result = read_alias(r, event);
		break;
	case YAML_SEQUENCE_START_EVENT:
		result = open_level(r, event, false, event->data.sequence_start.anchor, event->data.sequence_start.tag);
		break;
	case YAML_MAPPING_START_EVENT:
		result = open_level(r, event, true, event->data.mapping_start.anchor, event->data.mapping_start.tag);
		break;
	case YAML_SEQUENCE_END_EVENT:
	case YAML_MAPPING_END_EVENT:
		result = close_level(r);
		break;
	default:
		break;
	}
	return result < 0 ? -1 : 1;
}

static void yaml_own_complain(struct yaml_reader *r)
{
	const yaml_parser_t *parser = &r->parser;
	struct yaml_fault fault = {
		.problem = parser->problem,
		.context = parser->context,
		.index = parser->problem_mark.index,
		.context_index = parser->context_mark.index,
		.reader = parser->error == YAML_READER_ERROR,
		.offset = parser->problem_offset,
		.value = parser->problem_value,
	};

	yaml_complain(r->diags, r->file, r->text, r->len, &fault);
}

static int read_events(struct yaml_reader *r)
{
	yaml_event_t event;
	int more = 1;

	while (more > 0) {
		if (!yaml_parser_parse(&r->parser, &event)) {
			if (r->parser.error == YAML_MEMORY_ERROR)
				mem_exhausted();
			yaml_own_complain(r);
			return -1;
		}
		more = yaml_take_event(r, &event);
		yaml_event_delete(&event);
	}
	return more;
}

static struct yaml_reader reader_of(struct arena *arena, struct diags *diags, uint32_t file, const char *text,
				    size_t len, size_t nodes)
{
	return (struct yaml_reader){ .arena = arena,
				     .diags = diags,
				     .file = file,
				     .text = text,
				     .len = len,
				     .cursor = { 0, 0, 1, 1 },
				     .nodes = nodes };
}

static int yaml_read(struct yaml_reader *r)
{
	int result;

	if (yaml_bytes_complain(r->diags, r->file, r->text, r->len))
		return -1;
	if (!yaml_parser_initialize(&r->parser))
		mem_exhausted();
	r->anchors = map_new();
	yaml_parser_set_encoding(&r->parser, YAML_UTF8_ENCODING);
	yaml_parser_set_input_string(&r->parser, (const unsigned char *)r->text, r->len);
	result = read_events(r);
	yaml_parser_delete(&r->parser);
	map_free(r->anchors);
	free(r->pending);
	return result;
}

struct yaml_node *yaml_parse(struct arena *arena, struct diags *diags, uint32_t file, const char *text, size_t len,
			     size_t *nodes)
{
	struct yaml_reader r = reader_of(arena, diags, file, text, len, *nodes);
	int result = yaml_read(&r);

	*nodes = r.nodes;
	if (result < 0)
		return NULL;
	return r.root ? r.root : node_map(arena, (struct pos){ file, 1, 1 }, NULL, 0);
}

struct yaml_node *yaml_parse_all(struct arena *arena, struct diags *diags, uint32_t file, const char *text, size_t len,
				 size_t *nodes)
{
	struct yaml_reader r = reader_of(arena, diags, file, text, len, *nodes);
	struct yaml_node **items;
	int result;

	r.several = true;
	result = yaml_read(&r);
	items = arena_array(arena, r.documents_len, sizeof(struct yaml_node *));

	if (r.documents_len > 0)
		memcpy(items, r.documents, r.documents_len * sizeof(struct yaml_node *));
	free(r.documents);
	*nodes = r.nodes;
	return result < 0 ? NULL : node_list(arena, (struct pos){ file, 1, 1 }, items, r.documents_len);
}
