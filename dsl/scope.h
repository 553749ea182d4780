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
 * Where the value of a variable comes from: --set, the environment, the env file, the manifest's
 * `vars:`, in this order, and the built-in names (git.*, service.name; platform.* and image.* stay
 * late variables). A value of `vars:` is expanded when it is first asked for.
 * An included manifest has an env file and `vars:` of its own: its env file comes behind those of the manifests
 * that include it, its `vars:` before theirs.
 */
struct scope;

/* How deep values may refer to one another. */
#define SCOPE_DEPTH_MAX 64

enum lookup {
	LOOKUP_SET,
	LOOKUP_UNSET,
	LOOKUP_BROKEN /* complained about already */
};

/* `options` and `units` must live as long as the scope. */
struct scope *scope_new(struct arena *arena, struct diags *diags, const struct load_options *options,
			struct units *units);
void scope_free(struct scope *scope); /* NULL-safe */
void scope_cleanup(struct scope **scope);
#define cleanup_scope __attribute__((cleanup(scope_cleanup)))

/* What stands at `pos` is read by compose's rules. */
bool scope_is_compose(const struct scope *scope, struct pos pos);
/* Each value may hold variables from outside, and those that stand before it in this file or one added earlier. */
void scope_add_env_file(struct scope *scope, struct unit *unit, const struct dotenv_var *vars, size_t len);
/* The value of a line of an env file, with its variables filled in; one that is not set is empty. NULL after a complaint. */
const char *scope_env_value(struct scope *scope, const struct dotenv_var *var);
/* Takes over the map `vars:` of a unit, instead of what it had, and complains about values that are not single ones. */
void scope_add_vars(struct scope *scope, struct unit *unit, const struct yaml_node *vars);
/* Expands every value of a unit's `vars:`, so that all complaints come out. */
void scope_check_vars(struct scope *scope, const struct unit *unit);

/* The service whose values are interpolated from now on (NULL: none), and what it is of its matrix (NULL: it has
 * none). Both must live as long as they are in use. */
void scope_enter(struct scope *scope, const char *service, const struct combo *combo);
/* The same for a template by itself: what its services' matrices will say is not known, and not complained about. */
void scope_enter_template(struct scope *scope, const char *name);
/* The value of a variable. `pos` is where it is asked for. `*ret_why` (may become NULL) says why an
 * unset one has no value. */
enum lookup scope_lookup(struct scope *scope, const char *name, struct pos pos, const char **ret_value,
			 const char **ret_why);
/* A variable of a service's env file, for the values behind it: asked for when --set, the environment, the env file and
 * `vars:` do not have it. The texts must live as long as the scope. */
void scope_add_file_value(struct scope *scope, const char *name, const char *value);
void scope_forget_file_values(struct scope *scope);
/* --set, environment and env file only: for KEY without a value, DOCKER_TAGS and the like. `pos` is where it is asked
 * for (line 0: on the command line). NULL: unset. */
const char *scope_environ(struct scope *scope, const char *name, struct pos pos);
/* The variable known at `pos` whose name is nearest to `name`, or NULL. */
const char *scope_nearest(struct scope *scope, const char *name, struct pos pos);

/* "git.commit" and the like. */
bool scope_is_builtin(const char *name);

/* What interpolates with this scope. */
struct interp *scope_interp(struct scope *scope);

#endif
