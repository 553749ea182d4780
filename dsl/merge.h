#ifndef DSL_MERGE_H
#define DSL_MERGE_H

#include <stdbool.h>
#include <stddef.h>

struct arena;
struct diags;
struct entry;
struct files;
struct interp;
struct map;
struct yaml_node;
struct schema;

#define MERGE_DEPTH_MAX 64      /* length of a chain of templates */
#define MERGE_NODES_MAX 1000000 /* values of all services together, with templates filled in */

/*
 * Merges two trees as compose merges files (compose-spec, 13-merge): maps key by key; lists appended, without
 * duplicates; NAME=value lists as maps; commands and single values replaced. `schema` describes both. The result
 * shares nodes where possible.
 */
struct yaml_node *merge_nodes(struct arena *arena, const struct schema *schema, struct yaml_node *base,
			      struct yaml_node *over);

/* The map with the value at `path` ("build.args.VERSION") replaced. */
struct yaml_node *merge_set(struct arena *arena, const struct schema *schema, const struct yaml_node *node,
			    const char *path, struct yaml_node *value);

/* Resolves what services and templates extend. */
struct merge {
	struct arena *arena;
	struct diags *diags;
	struct interp *interp;
	struct files *files;
	struct map *template_names, *service_names; /* name -> struct entry */
	struct map *used;                           /* templates that some service extends */
	size_t nodes;
	bool broken; /* set by merge_service: something extended is missing, and was complained about */
};

/* The value of `key` as written in a service or, if it has none, in the nearest template it extends that has it; or
 * NULL. */
struct yaml_node *merge_written(struct merge *merge, const struct entry *entry, const char *key);
/* The interpolated values of a service or template with everything it extends. NULL after a complaint that leaves
 * nothing to decode. */
struct yaml_node *merge_service(struct merge *merge, const struct entry *entry);

#endif
