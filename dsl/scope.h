#ifndef DSL_SCOPE_H
#define DSL_SCOPE_H

#include <stddef.h>
#include <stdbool.h>

#include "base/diag.h"

struct arena;
struct combo;
struct dotenv_var;
struct interp;
struct load_options;
struct yaml_node;
struct unit;
struct units;

/*
 * Where the value of a variable comes from, in this order: --set, the environment, the env file, the manifest's
 * `vars:`, built-in names (git.*, service.name; platform.* and image.* remain late variables). A value in `vars:` is
 * expanded on first use. An included manifest has its own env file and `vars:`: its env file comes after those of the
 * manifests that include it, its `vars:` before theirs.
 */
struct scope;

/* How deeply values may refer to one another. */
#define SCOPE_DEPTH_MAX 64

enum lookup {
	LOOKUP_SET,
	LOOKUP_UNSET,
	LOOKUP_BROKEN /* already complained about */
};

/* `options` and `units` must live as long as the scope. */
struct scope *scope_new(struct arena *arena, struct diags *diags, const struct load_options *options,
			struct units *units);
void scope_free(struct scope *scope); /* NULL-safe */
void scope_cleanup(struct scope **scope);
#define cleanup_scope __attribute__((cleanup(scope_cleanup)))

/* True when the text at `pos` follows compose's rules. */
bool scope_is_compose(const struct scope *scope, struct pos pos);
/* Each value may use variables from outside, and those before it in this file or in one added earlier. */
void scope_add_env_file(struct scope *scope, struct unit *unit, const struct dotenv_var *vars, size_t len);
/* The value of a line of an env file, with variables filled in; an unset variable is empty. NULL after a complaint. */
const char *scope_env_value(struct scope *scope, const struct dotenv_var *var);
/* Sets the map `vars:` of a unit, replacing its previous one, and complains about values that are not single ones. */
void scope_add_vars(struct scope *scope, struct unit *unit, const struct yaml_node *vars);
/* Expands every value of a unit's `vars:`, so that all complaints appear. */
void scope_check_vars(struct scope *scope, const struct unit *unit);

/* Sets the service whose values are interpolated from now on (NULL: none), and its combination of its matrix (NULL:
 * it has none). Both must outlive their use. */
void scope_enter(struct scope *scope, const char *service, const struct combo *combo);
/* The same for a template by itself: the values of its services' matrices are unknown, which is not complained
 * about. */
void scope_enter_template(struct scope *scope, const char *name);
/* The value of a variable. `pos` is where it is used. `*ret_why` (may become NULL) says why an unset one has no
 * value. */
enum lookup scope_lookup(struct scope *scope, const char *name, struct pos pos, const char **ret_value,
			 const char **ret_why);
/* Adds a variable of a service's env file, for the lines after it: used when --set, the environment, the env file
 * and `vars:` do not have it. The texts must outlive the scope. */
void scope_add_file_value(struct scope *scope, const char *name, const char *value);
void scope_forget_file_values(struct scope *scope);
/* Only --set, environment and env file: for KEY without a value, DOCKER_TAGS and the like. `pos` is where it is
 * used (line 0: the command line). NULL: unset. */
const char *scope_environ(struct scope *scope, const char *name, struct pos pos);
/* The variable known at `pos` whose name is most similar to `name`, or NULL. */
const char *scope_nearest(struct scope *scope, const char *name, struct pos pos);

/* True for built-in names such as "git.commit". */
bool scope_is_builtin(const char *name);

/* The interpolation that uses this scope. */
struct interp *scope_interp(struct scope *scope);

#endif
