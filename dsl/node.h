#ifndef DSL_NODE_H
#define DSL_NODE_H

#include <stddef.h>
#include <stdint.h>
#include <stdbool.h>

#include "base/diag.h"

struct arena;

/*
 * A tree of YAML values that keeps where each was written. Nodes are never changed once their
 * parent is complete, so an alias and its anchor, or a service and its template, share them.
 * They live in the arena they were made in.
 */

enum node_kind {
	NODE_NULL, /* empty, "~" or "null", not quoted */
	NODE_SCALAR,
	NODE_LIST,
	NODE_MAP,
	NODE_BROKEN /* something was complained about already: say nothing more */
};

/* compose's tags (compose-spec, 13-merge): what becomes of the value of the file below. */
enum node_tag {
	NODE_PLAIN,
	NODE_RESET,   /* "!reset": it is taken away, and this one is none either */
	NODE_OVERRIDE /* "!override": this one takes its place as a whole */
};

struct entry {
	const char *key;
	struct pos pos;
	struct yaml_node *value;
};

struct yaml_node {
	enum node_kind kind : 8;
	enum node_tag tag : 8;
	bool resets;     /* it or a value in it has the tag "!reset" */
	bool dollar;     /* a scalar in it contains '$': interpolation has something to do */
	uint16_t height; /* levels of collections: 0 for a scalar */
	uint32_t size;   /* nodes in it, itself included, aliases counted each time; saturates */
	struct pos pos;  /* where its text begins; an empty value's is its key's */
	size_t offset;   /* of a scalar in the source text: first byte ... */
	size_t end;      /* ... and the one behind the last; 0 when it was not written there */
	size_t len;      /* of the text, the items or the entries */
	union {
		const char *text; /* NUL-terminated */
		struct yaml_node **items;
		struct entry *entries; /* in the order written, no key twice */
	};
};

struct yaml_node *node_scalar(struct arena *arena, struct pos pos, const char *text);
/* Take arrays that live in the arena. */
struct yaml_node *node_list(struct arena *arena, struct pos pos, struct yaml_node **items, size_t len);
struct yaml_node *node_map(struct arena *arena, struct pos pos, struct entry *entries, size_t len);
struct yaml_node *node_broken(struct arena *arena, struct pos pos);
/* Tags a node that is not part of another one yet. */
void node_set_tag(struct yaml_node *node, enum node_tag tag);
/* The tree without what is tagged "!reset"; shares what it can. Only so many levels deep. */
struct yaml_node *node_strip(struct arena *arena, struct yaml_node *node, unsigned levels);
/* The entry of a map (NULL for other kinds and NULL itself). Linear: for maps of known keys. */
struct entry *node_entry(const struct yaml_node *node, const char *key);
struct yaml_node *node_get(const struct yaml_node *node, const char *key);
/* True for trees that say the same in the same order, wherever they stand. */
bool node_equal(const struct yaml_node *a, const struct yaml_node *b);
/* "a list", "a map", "a text", "empty": what a complaint calls it. */
const char *node_type_name(const struct yaml_node *node);
/* True for keys that people may use as they like ("x-anything"). */
bool node_key_ignored(const char *key);

#endif
