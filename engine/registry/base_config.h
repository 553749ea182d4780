#ifndef ENGINE_REGISTRY_BASE_CONFIG_H
#define ENGINE_REGISTRY_BASE_CONFIG_H

#include <stdbool.h>

/* What an image's config gives to builds on top of it. */
struct base_config {
	char *onbuild; /* its ONBUILD instructions, in the form of dockerfile_options.triggers */
	char *env;     /* its variables, in the form of base_env_find; NULL: not known */
};
extern const struct base_config BASE_UNTOLD;       /* nobody knows */
void base_config_free(struct base_config *config); /* the texts */
/* `env`: "NAME=value"; both lists are NULL-terminated, or NULL. A value that sounds like a secret or
 * has several lines is left out, and the PATH altogether. */
void base_config_make(char *const *onbuild, char *const *env, struct base_config *ret);
/* The value of a variable in such a text (malloc'd), *ret NULL: it is not set. False: not known. */
bool base_env_find(const char *text, const char *name, char **ret);

#endif
