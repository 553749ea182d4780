#ifndef ENGINE_REGISTRY_HOSTS_TOML_H
#define ENGINE_REGISTRY_HOSTS_TOML_H

#include <stdbool.h>

struct error;
struct host_settings;
struct places;

/*
 * certs.d/HOST/hosts.toml, as containerd, nerdctl and docker read it
 * (https://github.com/containerd/containerd/blob/main/docs/hosts.md). Errors are ERROR_REGISTRY and name the file.
 */
struct hosts_toml;

int hosts_toml_read(struct hosts_toml **ret, struct error **err);
void hosts_toml_free(struct hosts_toml *hosts); /* NULL-safe */

/* Adds the hosts that are asked for the images of a registry before its own. *ret_server is where its own are, if that is said to be
 * elsewhere ("host" or "host/path", malloc'd), else NULL. A host whose images no name can stand for is left out. */
int hosts_toml_places(const struct hosts_toml *hosts, const char *registry, const char *repository, bool by_digest,
		      struct places *places, char **ret_server, struct error **err);
void hosts_toml_settings(const struct hosts_toml *hosts, const char *host, struct host_settings *ret);

#endif
