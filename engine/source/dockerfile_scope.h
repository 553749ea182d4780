#ifndef ENGINE_SOURCE_DOCKERFILE_SCOPE_H
#define ENGINE_SOURCE_DOCKERFILE_SCOPE_H

#include <stdbool.h>
#include <stddef.h>

#include "engine/source/dockerfile_word.h"

struct arena;
struct dockerfile;
struct dockerfile_options;

/* The variables that a place in a Dockerfile sees. */

struct variable {
	const char *name;
	const char *value; /* NULL: set, but only the builder knows to what */
};

struct dockerfile_scope {
	struct variable *items; /* malloc'd */
	size_t len, cap;
	bool open; /* an outside base may set what is not here */
};

/* Returns the number of the variable in `items`. */
size_t dockerfile_scope_set(struct dockerfile_scope *scope, const char *name, const char *value);
void dockerfile_scope_copy(struct dockerfile_scope *to, const struct dockerfile_scope *from);
void dockerfile_scope_free(struct dockerfile_scope *scope);
/* For struct word_env; `data` is the scope. */
enum word_found dockerfile_scope_get(void *data, const char *name, const char **ret_value);

/* A list of names without repetition, in an arena. */
struct names {
	const char **items;
	size_t len, cap;
};
void names_add(struct names *names, struct arena *arena, const char *name);

/* The ARGs before the first FROM and the predefined ones; lookups are followed to what they depend on. */
struct globals;
struct globals *globals_new(const struct dockerfile *dockerfile, const struct dockerfile_options *options,
			    struct arena *arena);
void globals_free(struct globals *globals); /* NULL-safe */
/* Expands `source` in the global scope; the names that take part are added to `used`. Negative when malformed. */
int globals_expand(struct globals *globals, const char *source, struct names *used, const char **ret);
/* The value of a global (NULL when unset), its name and what it depends on being added to `used`. */
const char *globals_value(struct globals *globals, const char *name, struct names *used);

/* The value of a build argument that is given, or NULL. */
const char *options_arg(const struct dockerfile_options *options, const char *name);

#endif
