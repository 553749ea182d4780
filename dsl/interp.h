#ifndef DSL_INTERP_H
#define DSL_INTERP_H

#include <stddef.h>
#include <stdbool.h>

#include "dsl/manifest.h"

struct arena;
struct diags;
struct map;
struct yaml_node;
struct schema;
struct scope;

/*
 * Interpolation as in compose (compose-spec, 12-interpolation): $VAR, ${VAR}, ${VAR:-default},
 * ${VAR-default}, ${VAR:?message}, ${VAR?message}, ${VAR:+other}, ${VAR+other}, nested inside
 * the braces, "$$" for a dollar sign; one before what is no name stays as it is. A variable that is not set and has no
 * default is empty in compose and env files, and noted; elsewhere it is a complaint.
 */

#define INTERP_NEST_MAX 64                  /* braces within braces */
#define INTERP_COMPLAINTS_MAX 20            /* in one value */
#define INTERP_VALUE_MAX (1024 * 1024)      /* bytes of one value */
#define INTERP_TOTAL_MAX (64 * 1024 * 1024) /* bytes of all values together */

struct interp {
	struct arena *arena;
	struct diags *diags;
	struct scope *scope;
	size_t total;
	bool env_file;      /* what is interpolated now is a value of one */
	struct map *unset;  /* names that were taken as empty */
	struct texts notes; /* a sentence about each of them */
};

/* The text of a scalar with its variables filled in (in the arena), or NULL after a complaint. */
const char *interp_scalar(struct interp *interp, const struct yaml_node *scalar);
/* A tree with every value interpolated; what holds no '$' is shared. Keys stay as they are. Scalars
 * that were complained about become NODE_BROKEN. In maps that `schema` (may be NULL) describes, keys
 * that are ignored ("x-...") stay as they are with all below them, and so do those that cbuild does not use. */
struct yaml_node *interp_node(struct interp *interp, const struct schema *schema, struct yaml_node *node);

#endif
