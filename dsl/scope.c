#include "config.h"

#include <string.h>

#include "base/buf.h"
#include "base/map.h"
#include "base/mem.h"
#include "base/text.h"
#include "dsl/dotenv.h"
#include "dsl/interp.h"
#include "dsl/late.h"
#include "dsl/load.h"
#include "dsl/matrix.h"
#include "dsl/node.h"
#include "dsl/scope.h"
#include "dsl/unit.h"

enum state { STATE_NEW, STATE_VISITING, STATE_SET, STATE_UNSET, STATE_BROKEN };

struct scope_variable {
	const char *name;
	enum state state;
	const char *value;
	const char *why; /* it has no value; or NULL */
	struct pos pos;
	const struct yaml_node *node; /* from `vars:` or the env file: not expanded yet */
};

struct scope {
	struct arena *arena;
	struct diags *diags;
	const struct load_options *options;
	struct interp interp;
	const char *service;
	const struct combo *combo;
	bool is_template;
	struct units *units;
	struct map *sets, *environ, *builtins;
	struct map *file;                              /* of a service's env file; or NULL */
	struct scope_variable *stack[SCOPE_DEPTH_MAX]; /* being expanded */
	size_t depth;
};

static const char *const git_names[] = { "git.commit",       "git.short",        "git.branch", "git.describe",
					 "git.dirty",        "git.slug",         "git.date",   "git.semver",
					 "git.semver.minor", "git.semver.major", NULL };
static const char *const service_names[] = { "service.name", NULL };

/* "NAME=value" texts; the last of equal names wins. */
static void add_assignments(struct scope *scope, struct map *map, const char *const *items, bool complain)
{
	for (; items && *items; items++) {
		const char *equals = strchr(*items, '=');

		if (equals && equals != *items)
			map_set(map, arena_strndup(scope->arena, *items, (size_t)(equals - *items)),
				(void *)(equals + 1));
		else if (complain)
			diags_add(scope->diags, (struct pos){ 0 }, NULL, "--set takes NAME=value, not \"%s\"", *items);
	}
}

struct scope *scope_new(struct arena *arena, struct diags *diags, const struct load_options *options, struct units *units)
{
	struct scope *scope = mem_alloc(sizeof(*scope));

	scope->arena = arena;
	scope->diags = diags;
	scope->options = options;
	scope->units = units;
	scope->interp = (struct interp){ .arena = arena, .diags = diags, .scope = scope, .unset = map_new() };
	scope->sets = map_new();
	scope->environ = map_new();
	scope->builtins = map_new();
	add_assignments(scope, scope->sets, options->sets, true);
	add_assignments(scope, scope->environ, options->environ, false);
	return scope;
}

void scope_free(struct scope *scope)
{
	if (!scope)
		return;
	map_free(scope->sets);
	map_free(scope->environ);
	map_free(scope->builtins);
	map_free(scope->file);
	map_free(scope->interp.unset);
	mem_cleanup(&scope);
}

void scope_cleanup(struct scope **scope)
{
	scope_free(*scope);
}

struct interp *scope_interp(struct scope *scope)
{
	return &scope->interp;
}

static struct scope_variable *variable_new(struct scope *scope, const char *name, struct pos pos)
{
	struct scope_variable *variable = arena_alloc(scope->arena, sizeof(*variable));

	variable->name = name;
	variable->pos = pos;
	return variable;
}

bool scope_is_compose(const struct scope *scope, struct pos pos)
{
	return unit_at(scope->units, pos)->compose;
}

void scope_add_env_file(struct scope *scope, struct unit *unit, const struct dotenv_var *vars, size_t len)
{
	if (!unit->dotenv)
		unit->dotenv = map_new();
	for (size_t i = 0; i < len; i++) {
		struct scope_variable *variable;

		if (!vars[i].value)
			continue;
		variable = variable_new(scope, vars[i].name, vars[i].pos);
		variable->value = scope_env_value(scope, &vars[i]);
		variable->state = variable->value ? STATE_SET : STATE_BROKEN;
		map_set(unit->dotenv, vars[i].name, variable);
	}
}

const char *scope_env_value(struct scope *scope, const struct dotenv_var *var)
{
	const char *value = var->value;

	if (!var->expand || !strchr(value, '$'))
		return value;
	scope->interp.env_file = true;
	value = interp_scalar(&scope->interp, node_scalar(scope->arena, var->pos, value));
	scope->interp.env_file = false;
	return value;
}

void scope_add_file_value(struct scope *scope, const char *name, const char *value)
{
	if (!scope->file)
		scope->file = map_new();
	map_set(scope->file, name, (void *)value);
}

void scope_forget_file_values(struct scope *scope)
{
	map_free(scope->file);
	scope->file = NULL;
}

void scope_add_vars(struct scope *scope, struct unit *unit, const struct yaml_node *vars)
{
	map_free(unit->vars);
	unit->vars = map_new();
	for (size_t i = 0; i < vars->len; i++) {
		const struct entry *entry = &vars->entries[i];
		const struct yaml_node *value = entry->value;
		struct scope_variable *variable;

		if (value->kind == NODE_LIST || value->kind == NODE_MAP) {
			diags_add(scope->diags, value->pos, NULL,
				  "the variable \"%s\" must be a single value, but this is %s", entry->key,
				  node_type_name(value));
			continue;
		}
		if (value->kind == NODE_NULL)
			continue;
		variable = variable_new(scope, entry->key, entry->pos);
		variable->node = value;
		if (value->kind == NODE_BROKEN)
			variable->state = STATE_BROKEN;
		map_set(unit->vars, entry->key, variable);
	}
}

/* The path of the cycle, from the first use of `variable` to the second. */
static enum lookup scope_complain_cycle(struct scope *scope, const struct scope_variable *variable)
{
	struct buf path cleanup_buf = { 0 };
	size_t first = 0;

	while (scope->stack[first] != variable)
		first++;
	for (size_t i = first; i < scope->depth; i++)
		buf_printf(&path, "%s -> ", scope->stack[i]->name);
	diags_add(scope->diags, variable->pos, NULL, "the variable \"%s\" needs its own value: %s%s", variable->name,
		  path.data ? path.data : "", variable->name);
	for (size_t i = first + 1; i < scope->depth; i++)
		diags_note(scope->diags, scope->stack[i]->pos, "\"%s\" is defined here", scope->stack[i]->name);
	return LOOKUP_BROKEN;
}

static enum lookup expand(struct scope *scope, struct scope_variable *variable)
{
	if (scope->depth == SCOPE_DEPTH_MAX) {
		diags_add(scope->diags, variable->pos, NULL, "variables refer to each other more than %d levels deep",
			  SCOPE_DEPTH_MAX);
		variable->state = STATE_BROKEN;
		return LOOKUP_BROKEN;
	}
	variable->state = STATE_VISITING;
	scope->stack[scope->depth++] = variable;
	variable->value = interp_scalar(&scope->interp, variable->node);
	scope->depth--;
	variable->state = variable->value ? STATE_SET : STATE_BROKEN;
	return variable->value ? LOOKUP_SET : LOOKUP_BROKEN;
}

static enum lookup variable_value(struct scope *scope, struct scope_variable *variable, const char **ret_value,
				  const char **ret_why)
{
	enum lookup found;

	switch (variable->state) {
	case STATE_VISITING:
		return scope_complain_cycle(scope, variable);
	case STATE_UNSET:
		*ret_why = variable->why;
		return LOOKUP_UNSET;
	case STATE_BROKEN:
		return LOOKUP_BROKEN;
	case STATE_NEW:
		found = expand(scope, variable);
		if (found != LOOKUP_SET)
			return found;
		break;
	case STATE_SET:
		break;
	}
	*ret_value = variable->value;
	return LOOKUP_SET;
}

static bool is_listed(const char *const *names, const char *name)
{
	for (; *names; names++)
		if (!strcmp(*names, name))
			return true;
	return false;
}

/* git.*: looked up once. */
static enum lookup scope_lookup_git(struct scope *scope, const char *name, const char **ret_value, const char **ret_why)
{
	struct scope_variable *variable = map_get(scope->builtins, name);

	if (!variable) {
		variable = variable_new(scope, name, (struct pos){ 0 });
		variable->why = "it is unknown here";
		if (scope->options->lookup)
			variable->value = arena_strdup(scope->arena, scope->options->lookup(scope->options->lookup_data,
											    name, &variable->why));
		variable->state = variable->value ? STATE_SET : STATE_UNSET;
		map_set(scope->builtins, name, variable);
	}
	return variable_value(scope, variable, ret_value, ret_why);
}

static enum lookup unknown_builtin(struct scope *scope, const char *name, struct pos pos, const char *const *names)
{
	size_t len = 0;
	const char *nearest;

	while (names[len])
		len++;
	nearest = text_nearest(name, names, len);
	diags_add(scope->diags, pos, nearest ? arena_printf(scope->arena, "did you mean \"%s\"?", nearest) : NULL,
		  "there is no built-in variable \"%s\"", name);
	return LOOKUP_BROKEN;
}

static enum lookup lookup_matrix(struct scope *scope, const char *name, struct pos pos, const char **ret_value,
				 const char **ret_why)
{
	const struct combo *combo = scope->combo;
	const char *nearest;

	*ret_why = "it is known only inside a service with a \"matrix\"";
	*ret_value = combo ? combo_value(combo, name) : NULL;
	if (*ret_value)
		return LOOKUP_SET;
	if (!combo)
		return scope->is_template ? LOOKUP_BROKEN : LOOKUP_UNSET;
	nearest = text_nearest(name, (const char **)combo->names, combo->len);
	diags_add(scope->diags, pos, nearest ? arena_printf(scope->arena, "did you mean \"matrix.%s\"?", nearest) : NULL,
		  "the matrix has no single value \"%s\"", name);
	return LOOKUP_BROKEN;
}

/* Names that contain a dot. `*ret_mine` false: not a built-in name. */
static enum lookup lookup_builtin(struct scope *scope, const char *name, struct pos pos, const char **ret_value,
				  const char **ret_why, bool *ret_mine)
{
	*ret_mine = true;
	if (!strncmp(name, "git.", 4))
		return is_listed(git_names, name) ? scope_lookup_git(scope, name, ret_value, ret_why)
						  : unknown_builtin(scope, name, pos, git_names);
	if (!strncmp(name, "platform.", 9) || !strncmp(name, "image.", 6)) {
		if (!is_listed(late_names, name))
			return unknown_builtin(scope, name, pos, late_names);
		*ret_value = arena_printf(scope->arena, "%c%s%c", LATE_OPEN, name, LATE_CLOSE);
		return LOOKUP_SET;
	}
	if (!strncmp(name, "service.", 8)) {
		if (!is_listed(service_names, name))
			return unknown_builtin(scope, name, pos, service_names);
		*ret_why = "it is known only inside a service";
		*ret_value = scope->service;
		return scope->service ? LOOKUP_SET : LOOKUP_UNSET;
	}
	if (!strncmp(name, "matrix.", 7))
		return lookup_matrix(scope, name + 7, pos, ret_value, ret_why);
	*ret_mine = false;
	return LOOKUP_UNSET;
}

static enum lookup check_value(struct scope *scope, const char *name, struct pos pos, const char *value)
{
	if (!strchr(value, LATE_OPEN) && !strchr(value, LATE_CLOSE))
		return LOOKUP_SET;
	diags_add(scope->diags, pos, NULL, "the value of \"%s\" contains a control character", name);
	return LOOKUP_BROKEN;
}

/* "A: ${A:-x}" refers to an A from outside. */
static bool asks_itself(const struct scope *scope, const struct scope_variable *variable)
{
	return variable->state == STATE_VISITING && scope->stack[scope->depth - 1] == variable;
}

/* From the env files: those of including manifests first. */
static struct scope_variable *find_dotenv(const struct scope *scope, const struct unit *unit, const char *name)
{
	struct scope_variable *variable = unit->parent ? find_dotenv(scope, unit->parent, name) : NULL;

	if (variable)
		return variable;
	variable = unit->dotenv ? map_get(unit->dotenv, name) : NULL;
	return variable && !asks_itself(scope, variable) ? variable : NULL;
}

/* From `vars:`: the manifest's own first. */
static struct scope_variable *find_var(const struct scope *scope, const struct unit *unit, const char *name)
{
	for (; unit; unit = unit->parent) {
		struct scope_variable *variable = unit->vars ? map_get(unit->vars, name) : NULL;

		if (variable && !asks_itself(scope, variable))
			return variable;
	}
	return NULL;
}

enum lookup scope_lookup(struct scope *scope, const char *name, struct pos pos, const char **ret_value,
			 const char **ret_why)
{
	const struct unit *unit = unit_at(scope->units, pos);
	struct scope_variable *variable;
	enum lookup found;
	bool mine = false;

	*ret_why = NULL;
	*ret_value = map_get(scope->sets, name);
	if (*ret_value)
		return check_value(scope, name, pos, *ret_value);
	found = strchr(name, '.') ? lookup_builtin(scope, name, pos, ret_value, ret_why, &mine) : LOOKUP_UNSET;
	if (mine)
		return found;
	*ret_value = map_get(scope->environ, name);
	if (*ret_value)
		return check_value(scope, name, pos, *ret_value);
	variable = find_dotenv(scope, unit, name);
	if (!variable)
		variable = find_var(scope, unit, name);
	*ret_value = !variable && scope->file ? map_get(scope->file, name) : NULL;
	if (*ret_value)
		return check_value(scope, name, pos, *ret_value);
	return variable ? variable_value(scope, variable, ret_value, ret_why) : LOOKUP_UNSET;
}

const char *scope_environ(struct scope *scope, const char *name, struct pos pos)
{
	const char *value = map_get(scope->sets, name), *why;
	struct scope_variable *variable;

	if (!value)
		value = map_get(scope->environ, name);
	variable = value ? NULL : find_dotenv(scope, unit_at(scope->units, pos), name);
	if (variable && variable_value(scope, variable, &value, &why) != LOOKUP_SET)
		return NULL;
	return value;
}

void scope_check_vars(struct scope *scope, const struct unit *unit)
{
	for (size_t i = 0; unit->vars && i < map_len(unit->vars); i++) {
		const char *name = map_key(unit->vars, i), *value, *why;
		bool covered = map_get(scope->sets, name) || map_get(scope->environ, name) ||
			       find_dotenv(scope, unit, name);

		if (!covered)
			variable_value(scope, map_value(unit->vars, i), &value, &why);
	}
}

void scope_enter(struct scope *scope, const char *service, const struct combo *combo)
{
	scope->service = service;
	scope->combo = combo;
	scope->is_template = false;
}

void scope_enter_template(struct scope *scope, const char *name)
{
	scope_enter(scope, name, NULL);
	scope->is_template = true;
}

/* Appends the names of a map (may be NULL) except one. */
static size_t add_names(const struct map *map, const char *but, const char **names, size_t len)
{
	for (size_t i = 0; map && i < map_len(map); i++)
		if (strcmp(map_key(map, i), but) != 0)
			names[len++] = map_key(map, i);
	return len;
}

const char *scope_nearest(struct scope *scope, const char *name, struct pos pos)
{
	const char *const *const builtins[] = { git_names, service_names, late_names };
	const struct unit *own = unit_at(scope->units, pos);
	const char **names;
	size_t len = 0, room = 32 + map_len(scope->sets) + map_len(scope->environ);

	for (const struct unit *unit = own; unit; unit = unit->parent)
		room += (unit->vars ? map_len(unit->vars) : 0) + (unit->dotenv ? map_len(unit->dotenv) : 0);
	names = arena_array(scope->arena, room, sizeof(*names));
	len = add_names(scope->sets, name, names, len);
	for (const struct unit *unit = own; unit; unit = unit->parent) {
		len = add_names(unit->vars, name, names, len);
		len = add_names(unit->dotenv, name, names, len);
	}
	len = add_names(scope->environ, name, names, len);
	for (size_t i = 0; i < 3; i++)
		for (size_t j = 0; builtins[i][j]; j++)
			names[len++] = builtins[i][j];
	return text_nearest(name, names, len);
}

bool scope_is_builtin(const char *name)
{
	static const char *const families[] = { "git.", "matrix.", "service.", "platform.", "image." };

	for (size_t i = 0; i < sizeof(families) / sizeof(families[0]); i++)
		if (!strncmp(name, families[i], strlen(families[i])))
			return true;
	return false;
}
