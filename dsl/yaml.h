#ifndef DSL_YAML_H
#define DSL_YAML_H

#include <stddef.h>
#include <stdint.h>

struct arena;
struct diags;
struct yaml_node;

#define YAML_BYTES_MAX (10u * 1024 * 1024)
#define YAML_DEPTH_MAX 64     /* nesting of collections, aliases included */
#define YAML_NODES_MAX 100000 /* values, counting those behind an alias at every use */

/*
 * Parses one YAML document (libyaml) into a tree: aliases are shared, merge keys ("<<") applied. `file` is the text's
 * id in `diags`; `*nodes` counts the values of all texts of a manifest. Returns NULL after a complaint when the text
 * is unusable as a whole; lesser faults (a duplicate key) are complained about and still give a tree.
 */
struct yaml_node *yaml_parse(struct arena *arena, struct diags *diags, uint32_t file, const char *text, size_t len,
			     size_t *nodes);
/* A text of several documents, as a list. */
struct yaml_node *yaml_parse_all(struct arena *arena, struct diags *diags, uint32_t file, const char *text, size_t len,
				 size_t *nodes);

#endif
