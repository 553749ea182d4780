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
 * Interpolation as in compose (compose-spec, 12-interpolation): $VAR, ${VAR}, ${VAR:-default}, ${VAR-default},
 * ${VAR:?message}, ${VAR?message}, ${VAR:+other}, ${VAR+other}, nested inside the braces. "$$" is a dollar sign; a "$"
 * that no name follows stays. An unset variable without a default is empty in compose and env files, with a note;
 * elsewhere it is an error.
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
	bool env_file;      /* a value of an env file is being interpolated */
	struct map *unset;  /* names that were treated as empty */
	struct texts notes; /* one sentence for each of them */
};

/* The text of a scalar with variables filled in (in the arena), or NULL after a complaint. */
const char *interp_scalar(struct interp *interp, const struct yaml_node *scalar);
/* A tree with every value interpolated; parts without '$' are shared with the original. Keys are not interpolated.
 * Faulty scalars become NODE_BROKEN. In maps that `schema` (may be NULL) describes, ignored keys ("x-...") and keys
 * that cbuild does not use are left alone with everything below them. */
struct yaml_node *interp_node(struct interp *interp, const struct schema *schema, struct yaml_node *node);

#endif
