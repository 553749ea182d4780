#include "config.h"

#include "engine/source/dockerfile_scope.h"

#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/mem.h"
#include "engine/source/dockerfile.h"
#include "engine/source/dockerfile_stage.h"

static struct variable *dockerfile_scope_find(const struct dockerfile_scope *scope, const char *name)
{
	for (size_t i = scope->len; i > 0; i--)
		if (strcmp(scope->items[i - 1].name, name) == 0)
			return &scope->items[i - 1];
	return NULL;
}

static struct variable *dockerfile_scope_add(struct dockerfile_scope *scope, const char *name)
{
	struct variable *variable = dockerfile_scope_find(scope, name);

	if (!variable) {
		mem_reserve(&scope->items, &scope->cap, scope->len + 1, sizeof(*scope->items));
		variable = &scope->items[scope->len++];
		*variable = (struct variable){ .name = name };
	}
	return variable;
}

void dockerfile_scope_env(struct dockerfile_scope *scope, const char *name, const char *value)
{
	struct variable *variable = dockerfile_scope_add(scope, name);

	variable->env = value;
	variable->env_set = true;
	variable->arg_last = false;
}

size_t dockerfile_scope_arg(struct dockerfile_scope *scope, const char *name, const char *value)
{
	struct variable *variable = dockerfile_scope_add(scope, name);

	variable->arg = value;
	variable->arg_set = variable->arg_last = true;
	variable->arg_inherited = false;
	return (size_t)(variable - scope->items);
}

static bool nothing_known(void *data, const char *name, const char **ret)
{
	(void)data;
	(void)name;
	*ret = NULL;
	return false;
}

void dockerfile_scope_lose(struct dockerfile_scope *scope)
{
	for (size_t i = 0; i < scope->len; i++)
		dockerfile_scope_env(scope, scope->items[i].name, NULL);
	scope->outside = nothing_known;
}

bool dockerfile_scope_is_lost(const struct dockerfile_scope *scope)
{
	return scope->outside == nothing_known;
}

void dockerfile_scope_copy(struct dockerfile_scope *to, const struct dockerfile_scope *from)
{
	for (size_t i = 0; i < from->len; i++) {
		struct variable *variable = dockerfile_scope_add(to, from->items[i].name);

		*variable = from->items[i];
		variable->arg_inherited = variable->arg_set;
	}
	to->outside = from->outside;
	to->outside_data = from->outside_data;
}

void dockerfile_scope_free(struct dockerfile_scope *scope)
{
	free(scope->items);
	*scope = (struct dockerfile_scope){ 0 };
}

enum word_found dockerfile_scope_get(void *data, const char *name, const char **ret_value)
{
	const struct dockerfile_scope *scope = data;
	const struct variable none = { 0 }, *found = dockerfile_scope_find(scope, name);
	const struct variable *variable = found ? found : &none;
	const char *env = variable->env;
	bool known = variable->env_set ? env != NULL : true;

	if (!variable->env_set && scope->outside)
		known = scope->outside(scope->outside_data, name, &env);
	if (!known)
		return WORD_UNKNOWN;
	if (!variable->arg_set || (env && !variable->arg_last)) {
		*ret_value = env;
		return env ? WORD_SET : WORD_UNSET;
	}
	/* It depends on the builder. */
	if (!variable->arg || (env ? strcmp(env, variable->arg) != 0 : variable->arg_inherited))
		return WORD_UNKNOWN;
	*ret_value = variable->arg;
	return WORD_SET;
}

void names_add(struct names *names, struct arena *arena, const char *name)
{
	const char **grown;

	for (size_t i = 0; i < names->len; i++)
		if (strcmp(names->items[i], name) == 0)
			return;
	if (names->len == names->cap) {
		names->cap = names->cap ? names->cap * 2 : 8;
		grown = arena_array(arena, names->cap, sizeof(*grown));
		if (names->len)
			memcpy(grown, names->items, names->len * sizeof(*grown));
		names->items = grown;
	}
	names->items[names->len++] = arena_strdup(arena, name);
}

const char *options_arg(const struct dockerfile_options *options, const char *name)
{
	const char *value = NULL;

	for (size_t i = 0; i < options->args_len; i++)
		if (options->args[i].value && strcmp(options->args[i].name, name) == 0)
			value = options->args[i].value;
	return value;
}

#define NEEDS_MAX 32 /* names that one value is made of: with more, all are */

struct globals {
	const struct dockerfile *dockerfile;
	const struct dockerfile_options *options;
	struct arena *arena;
	struct dockerfile_scope scope;
	struct names *needs; /* for each variable of `scope`: the names its value was made of, and what theirs was then */
	size_t needs_cap;
	bool all_noted;          /* all of them are among the names used */
	struct names *looked_up; /* during an expansion: the names it used */
};

static enum word_found get_noted(void *data, const char *name, const char **ret_value)
{
	struct globals *globals = data;

	names_add(globals->looked_up, globals->arena, name);
	return dockerfile_scope_get(&globals->scope, name, ret_value);
}

static int dockerfile_scope_expand(struct globals *globals, const char *source, struct names *ret_names, const char **ret)
{
	struct word_env env = { get_noted, globals };
	cleanup_buf struct buf out = { 0 };
	bool unknown = false;

	globals->looked_up = ret_names;
	if (word_expand(source, globals->dockerfile->text.escape, &env, &out, &unknown) < 0 || unknown)
		return -1;
	*ret = arena_strndup(globals->arena, out.data, out.len);
	return 0;
}

static void dockerfile_scope_own_set(struct globals *globals, const char *name, const char *value, struct names needs)
{
	size_t number = dockerfile_scope_arg(&globals->scope, name, value);

	mem_reserve(&globals->needs, &globals->needs_cap, globals->scope.len, sizeof(*globals->needs));
	globals->needs[number] = needs;
}

static void set_default(struct globals *globals, const char *name, const char *value)
{
	const char *given = options_arg(globals->options, name);

	dockerfile_scope_own_set(globals, name, arena_strdup(globals->arena, given ? given : value), (struct names){ 0 });
}

#define PLATFORM_NAMES(prefix)                                                                      \
	{                                                                                           \
		prefix "PLATFORM", prefix "OS", prefix "OSVERSION", prefix "ARCH", prefix "VARIANT" \
	}
#define PLATFORM_NAMES_LEN 5

static void set_platform(struct globals *globals, const char *const names[PLATFORM_NAMES_LEN],
			 const struct platform *platform)
{
	char text[PLATFORM_TEXT];
	const char *values[PLATFORM_NAMES_LEN] = { text, platform->os, "", platform->arch, platform->variant };

	platform_text(platform, text);
	for (size_t i = 0; i < PLATFORM_NAMES_LEN; i++)
		set_default(globals, names[i], values[i]);
}

/* What the values of these names are made of now: any of them may get another one later. */
static void add_deeper(struct globals *globals, struct names *names)
{
	size_t len = names->len;

	for (size_t i = 0; i < len && names->len <= NEEDS_MAX; i++) {
		const struct variable *variable = dockerfile_scope_find(&globals->scope, names->items[i]);
		const struct names *needs = variable ? &globals->needs[variable - globals->scope.items] : NULL;

		for (size_t j = 0; needs && j < needs->len && names->len <= NEEDS_MAX; j++)
			names_add(names, globals->arena, needs->items[j]);
	}
}

/* One "name" or "name=value" of an ARG before the first FROM. */
static void declare(struct globals *globals, const char *word)
{
	const char *equals = strchr(word, '=');
	const char *name = equals ? arena_strndup(globals->arena, word, (size_t)(equals - word)) : word;
	const char *value = options_arg(globals->options, name);
	struct names needs = { 0 };

	if (!value && !equals)
		return;
	/* an unknown value stays unknown, and so does what is made of it */
	if (!value && dockerfile_scope_expand(globals, equals + 1, &needs, &value) < 0)
		value = NULL;
	add_deeper(globals, &needs);
	dockerfile_scope_own_set(globals, name, value, needs);
}

bool globals_declared(const struct dockerfile *dockerfile, const char *name)
{
	for (size_t i = 0; i < dockerfile->globals_len; i++)
		for (size_t j = 0; j < dockerfile->globals[i].args_len; j++) {
			const char *word = dockerfile->globals[i].args[j].text;
			size_t len = strcspn(word, "=");

			if (strlen(name) == len && strncmp(word, name, len) == 0)
				return true;
		}
	return false;
}

struct globals *globals_new(const struct dockerfile *dockerfile, const struct dockerfile_options *options,
			    struct arena *arena)
{
	static const char *const build[] = PLATFORM_NAMES("BUILD");
	static const char *const wanted[] = PLATFORM_NAMES("TARGET");
	struct globals *globals = mem_alloc(sizeof(*globals));
	const struct stage *last = dockerfile->stages_len ? &dockerfile->stages[dockerfile->stages_len - 1] : NULL;
	const char *target = options->target ? options->target : last && last->name ? last->name : "default";

	globals->dockerfile = dockerfile;
	globals->options = options;
	globals->arena = arena;
	set_platform(globals, build, &options->build_platform);
	set_platform(globals, wanted, &options->platform);
	set_default(globals, "TARGETSTAGE", target);
	for (size_t i = 0; i < dockerfile->globals_len; i++)
		for (size_t j = 0; j < dockerfile->globals[i].args_len; j++)
			declare(globals, dockerfile->globals[i].args[j].text);
	return globals;
}

void globals_free(struct globals *globals)
{
	if (!globals)
		return;
	dockerfile_scope_free(&globals->scope);
	free(globals->needs);
	free(globals);
}

/* Adds a name and those its value was made of. One that is among the `used` may be there without them: a stage's ARG of the same
 * name. */
static void dockerfile_scope_note(struct globals *globals, const char *name, struct names *used)
{
	const struct variable *variable = dockerfile_scope_find(&globals->scope, name);
	const struct names *needs = variable ? &globals->needs[variable - globals->scope.items] : NULL;

	names_add(used, globals->arena, name);
	if (!needs || globals->all_noted)
		return;
	globals->all_noted = needs->len > NEEDS_MAX;
	for (size_t i = 0; globals->all_noted && i < globals->scope.len; i++)
		names_add(used, globals->arena, globals->scope.items[i].name);
	for (size_t i = 0; !globals->all_noted && i < needs->len; i++)
		names_add(used, globals->arena, needs->items[i]);
}

int globals_expand(struct globals *globals, const char *source, struct names *used, const char **ret)
{
	struct names names = { 0 };
	int status = dockerfile_scope_expand(globals, source, &names, ret);

	for (size_t i = 0; i < names.len; i++)
		dockerfile_scope_note(globals, names.items[i], used);
	return status;
}

const char *globals_value(struct globals *globals, const char *name, struct names *used)
{
	const struct variable *variable = dockerfile_scope_find(&globals->scope, name);

	dockerfile_scope_note(globals, name, used);
	return variable ? variable->arg : NULL;
}
