#ifndef DSL_BAKE_PARTS_H
#define DSL_BAKE_PARTS_H

#include <stddef.h>

#include "dsl/hcl/body.h"
#include "dsl/hcl/evaluate.h"

struct load_options;
struct yaml_node;
struct map;

/* The parts of bake files, for dsl/bake*.c. */

enum bake_state { BAKE_NEW, BAKE_OPEN, BAKE_DONE, BAKE_BROKEN };

struct bake_variable {
	const char *name;
	struct hcl_place place;
	const struct hcl_expr *expr; /* its default; or NULL */
	const struct hcl_body *body; /* NULL: a value of the top level, which the environment does not change */
	enum bake_state state;
	const struct hcl_value *value;
};

struct bake_function {
	const char *name;
	const char **params;
	size_t params_len;
	const char *rest; /* the parameter that takes all further arguments; or NULL */
	const struct hcl_expr *result;
	bool active; /* it is being called */
};

/* What a target may have. */
enum bake_key {
	BAKE_ANNOTATIONS,
	BAKE_ARGS,
	BAKE_ATTEST,
	BAKE_CACHE_FROM,
	BAKE_CACHE_TO,
	BAKE_CALL,
	BAKE_CONTEXT,
	BAKE_CONTEXTS,
	BAKE_DESCRIPTION,
	BAKE_DOCKERFILE,
	BAKE_DOCKERFILE_INLINE,
	BAKE_ENTITLEMENTS,
	BAKE_EXTRA_HOSTS,
	BAKE_INHERITS,
	BAKE_LABELS,
	BAKE_NETWORK,
	BAKE_NO_CACHE,
	BAKE_NO_CACHE_FILTER,
	BAKE_OUTPUT,
	BAKE_PLATFORMS,
	BAKE_PULL,
	BAKE_SECRET,
	BAKE_SHM_SIZE,
	BAKE_SSH,
	BAKE_TAGS,
	BAKE_TARGET,
	BAKE_ULIMITS,
	BAKE_KEYS
};

enum bake_shape {
	BAKE_TEXT,
	BAKE_BOOL,
	BAKE_LIST,   /* strings */
	BAKE_MAP,    /* strings; null for none */
	BAKE_ENTRIES /* strings, or objects that become "key=value,..." */
};

struct bake_key_row {
	const char *name;
	enum bake_shape shape;
	bool joined; /* a list or map is added to what a target inherits; otherwise it replaces that */
};

extern const struct bake_key_row bake_keys[BAKE_KEYS];

/* A target block, or one combination of its matrix; or a group block. */
struct bake_block {
	const char *name;
	struct hcl_place place;
	const struct hcl_block *block;
	const struct hcl_local *locals;
	struct bake_block *next; /* the next one of this name */
	const struct hcl_value *values[BAKE_KEYS];
	unsigned char states[BAKE_KEYS];
};

/* A target with everything that it inherits and all overrides. */
struct bake_target {
	const char *name;
	struct hcl_place place;
	enum bake_state state;
	const struct hcl_value *values[BAKE_KEYS]; /* NULL: not set */
	struct hcl_place places[BAKE_KEYS];
	struct yaml_node *inherited; /* from services of compose files, as a service; or NULL */
};

struct bake_override {
	const char *pattern, *key, *part; /* "web*", "args", "GO_VERSION"; part NULL: none */
	const char *value;
	bool append;
	struct hcl_place place;
	uint32_t file;
};

struct bake {
	struct arena *arena;
	struct diags *diags;
	const struct load_options *options;
	struct hcl_heap heap;
	struct hcl_eval eval;
	struct map *variables;            /* name -> struct bake_variable */
	struct map *functions;            /* name -> struct bake_function */
	struct map *blocks;               /* name -> the first struct bake_block of a target */
	struct map *groups;               /* name -> struct bake_block, the last one */
	struct map *matrices;             /* name of a matrix -> list of names, struct hcl_value */
	struct map *targets;              /* name -> struct bake_target */
	const struct yaml_node *services; /* of compose files beside; or NULL */
	struct map *refused;              /* name -> struct bake_refusal */
	const struct hcl_block **pending; /* target blocks whose names are not known yet */
	size_t pending_len, pending_cap;
	struct bake_override *overrides;
	size_t overrides_len;
	const char *local_platform;
};

/* dsl/bake_names.c: what the names in expressions mean. */
extern const struct hcl_names bake_hcl_names;
void bake_take_variable(struct bake *bake, const struct hcl_block *block);
void bake_take_attribute(struct bake *bake, const struct hcl_attr *attr);
void bake_take_function(struct bake *bake, const struct hcl_block *block);
/* Evaluates all variables, and checks what they must be. */
void bake_check_variables(struct bake *bake);
/* The value given on the command line or in the environment; or NULL. */
const char *bake_outside(const struct bake *bake, const char *name);

/* dsl/bake_blocks.c: targets and groups as they were written. */
void bake_take_group(struct bake *bake, const struct hcl_block *block);
/* Names all targets, also those of matrices. */
void bake_name_targets(struct bake *bake);
/* A value of a block; NULL when it is not set, or after a complaint. */
const struct hcl_value *bake_block_value(struct bake *bake, struct bake_block *block, enum bake_key key);
/* "key=value,..." of an entry that is an object; NULL after a complaint. */
const struct hcl_value *bake_entry(struct bake *bake, enum bake_key key, const struct hcl_value *entry);

/* dsl/bake_targets.c: targets as they are built. */
void bake_read_overrides(struct bake *bake);
/* NULL: there is none of that name, or it inherits from itself. */
const struct bake_target *bake_target_find(struct bake *bake, const char *name);

/* The service of a compose file that is a target, too; or NULL. */
struct yaml_node *bake_composed(const struct bake *bake, const char *name);
/* Complains, with the most similar of the names in `map`. Returns NULL. */
void *bake_no_such(struct bake *bake, const struct map *map, const char *what, const char *name, struct hcl_place place);

#endif
