#ifndef ENGINE_REGISTRY_REGISTRIES_CONF_H
#define ENGINE_REGISTRY_REGISTRIES_CONF_H

#include <stdbool.h>

struct error;
struct host_settings;
struct places;
struct ref;

/*
 * registries.conf and registries.conf.d, in version 2 of the format (containers-registries.conf(5)): the files that podman and buildah read,
 * in their order. Errors are ERROR_REGISTRY and name the file.
 */
struct registries_conf;

int registries_conf_read(struct registries_conf **ret, struct error **err);
void registries_conf_free(struct registries_conf *conf); /* NULL-safe */

/* Adds the mirrors of an image. *ret_location is where it is itself, if that is said to be elsewhere: a repository with its host
 * (malloc'd), else NULL. `by_digest`: it is asked for by its digest. */
int registries_conf_places(const struct registries_conf *conf, const struct ref *image, bool by_digest,
			   struct places *places, char **ret_location, struct error **err);
/* What a name without a registry stands for: NULL-terminated, of names with one (malloc'd, and each of them); or NULL: nothing is said. */
char **registries_conf_names(const struct registries_conf *conf, const char *name);
/* The file that forbids the use of a repository, or NULL. */
const char *registries_conf_blocks(const struct registries_conf *conf, const struct ref *image);
void registries_conf_settings(const struct registries_conf *conf, const char *host, struct host_settings *ret);

#endif
