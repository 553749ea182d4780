#ifndef DSL_YAML_H
#define DSL_YAML_H

#include <stddef.h>
#include <stdint.h>

struct arena;
struct diags;
struct yaml_node;

#define YAML_BYTES_MAX (10u * 1024 * 1024)
#define YAML_DEPTH_MAX 64     /* collections in collections, aliases followed */
#define YAML_NODES_MAX 100000 /* values, those behind aliases counted each time they are used */

/*
 * Parses one YAML document (libyaml) into a tree: aliases shared, merge keys ("<<") applied.
 * `file` is the text's id in `diags`; `*nodes` counts the values of all texts of a manifest. Returns NULL after a complaint when the text as a whole cannot
 * be used; smaller faults (a key given twice) are complained about and leave a tree.
 */
struct yaml_node *yaml_parse(struct arena *arena, struct diags *diags, uint32_t file, const char *text, size_t len,
			     size_t *nodes);
/* A text of several documents: a list of them. */
struct yaml_node *yaml_parse_all(struct arena *arena, struct diags *diags, uint32_t file, const char *text, size_t len,
				 size_t *nodes);

#endif
