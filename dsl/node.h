#ifndef DSL_NODE_H
#define DSL_NODE_H

#include <stddef.h>
#include <stdint.h>
#include <stdbool.h>

#include "base/diag.h"

struct arena;

/*
 * A tree of YAML values that remembers where each was written. A node never changes once its parent is complete, so an
 * alias and its anchor, or a service and its template, share it. Nodes live in the arena they were made in.
 */

enum node_kind {
	NODE_NULL, /* empty, "~" or "null", not quoted */
	NODE_SCALAR,
	NODE_LIST,
	NODE_MAP,
	NODE_BROKEN /* already complained about: do not complain again */
};

/* compose's tags (compose-spec, 13-merge): what happens to the value of the file below. */
enum node_tag {
	NODE_PLAIN,
	NODE_RESET,   /* "!reset": removed, and so is this one */
	NODE_OVERRIDE /* "!override": replaced as a whole */
};

struct entry {
	const char *key;
	struct pos pos;
	struct yaml_node *value;
};

struct yaml_node {
	enum node_kind kind : 8;
	enum node_tag tag : 8;
	bool resets;     /* it or a value in it is tagged "!reset" */
	bool dollar;     /* a scalar in it contains '$', so it needs interpolation */
	uint16_t height; /* levels of collections: 0 for a scalar */
	uint32_t size;   /* nodes in it, including itself, aliases counted each time; saturates */
	struct pos pos;  /* where its text begins; for an empty value, where its key begins */
	size_t offset;   /* of a scalar in the source text: first byte ... */
	size_t end;      /* ... and the byte after the last; 0 when it was not written there */
	size_t len;      /* of the text, the items or the entries */
	union {
		const char *text; /* NUL-terminated */
		struct yaml_node **items;
		struct entry *entries; /* in the order written, no key twice */
	};
};

struct yaml_node *node_scalar(struct arena *arena, struct pos pos, const char *text);
/* Take over arrays that live in the arena. */
struct yaml_node *node_list(struct arena *arena, struct pos pos, struct yaml_node **items, size_t len);
struct yaml_node *node_map(struct arena *arena, struct pos pos, struct entry *entries, size_t len);
struct yaml_node *node_broken(struct arena *arena, struct pos pos);
/* Tags a node that is not yet part of another one. */
void node_set_tag(struct yaml_node *node, enum node_tag tag);
/* The tree without values tagged "!reset", at most `levels` deep; shares nodes where possible. */
struct yaml_node *node_strip(struct arena *arena, struct yaml_node *node, unsigned levels);
/* The entry or the value of a key of a map (NULL for other kinds and for NULL). Linear: for maps of known keys. */
struct entry *node_entry(const struct yaml_node *node, const char *key);
struct yaml_node *node_get(const struct yaml_node *node, const char *key);
/* True when both trees have the same values in the same order, regardless of position. */
bool node_equal(const struct yaml_node *a, const struct yaml_node *b);
/* "a list", "a map", "a text", "empty": for complaints. */
const char *node_type_name(const struct yaml_node *node);
/* True for keys reserved for users ("x-anything"). */
bool node_key_ignored(const char *key);

#endif
