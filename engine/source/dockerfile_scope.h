#ifndef ENGINE_SOURCE_DOCKERFILE_SCOPE_H
#define ENGINE_SOURCE_DOCKERFILE_SCOPE_H

#include <stdbool.h>
#include <stddef.h>

#include "engine/source/dockerfile_word.h"

struct arena;
struct dockerfile;
struct dockerfile_options;

/* The variables visible at a place in a Dockerfile. */

/* ENV and ARG may both set it. With BuildKit the last one wins, with buildah always ENV. */
struct variable {
	const char *name;
	const char *env, *arg; /* NULL: set, but only the builder knows the value */
	bool env_set, arg_set;
	bool arg_last;      /* ARG was the last to set it */
	bool arg_inherited; /* by an ARG of the stage below, which only BuildKit knows here */
};

struct dockerfile_scope {
	struct variable *items; /* malloc'd */
	size_t len, cap;
	/* The variables that the image below the stage has, as dockerfile_options.variable; NULL: none. */
	bool (*outside)(void *data, const char *name, const char **ret);
	void *outside_data;
};

void dockerfile_scope_env(struct dockerfile_scope *scope, const char *name, const char *value);
/* Returns the number of the variable in `items`. */
size_t dockerfile_scope_arg(struct dockerfile_scope *scope, const char *name, const char *value);
/* Some variable is set, but it is not known which: none is known any more. */
void dockerfile_scope_lose(struct dockerfile_scope *scope);
bool dockerfile_scope_is_lost(const struct dockerfile_scope *scope);
/* For a stage FROM another one. */
void dockerfile_scope_copy(struct dockerfile_scope *to, const struct dockerfile_scope *from);
void dockerfile_scope_free(struct dockerfile_scope *scope);
/* For struct word_env; `data` is the scope. */
enum word_found dockerfile_scope_get(void *data, const char *name, const char **ret_value);

/* A list of names without duplicates, in an arena. */
struct names {
	const char **items;
	size_t len, cap;
};
void names_add(struct names *names, struct arena *arena, const char *name);

/* The ARGs before the first FROM and the predefined ones; lookups record what they depend on. */
struct globals;
struct globals *globals_new(const struct dockerfile *dockerfile, const struct dockerfile_options *options,
			    struct arena *arena);
void globals_free(struct globals *globals); /* NULL-safe */
/* Expands `source` in the global scope; the names it uses are added to `used`. Negative when malformed. */
int globals_expand(struct globals *globals, const char *source, struct names *used, const char **ret);
/* The value of a global (NULL when unset); its name and what it depends on are added to `used`. */
const char *globals_value(struct globals *globals, const char *name, struct names *used);

/* Whether an ARG before the first FROM declares it. */
bool globals_declared(const struct dockerfile *dockerfile, const char *name);

/* The given value of a build argument, or NULL. */
const char *options_arg(const struct dockerfile_options *options, const char *name);

#endif
