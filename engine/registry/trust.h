#ifndef ENGINE_REGISTRY_TRUST_H
#define ENGINE_REGISTRY_TRUST_H

#include <stddef.h>

#include "base/buf.h"

struct error;
struct host_settings;
struct registry_spec;

/* The certificates for one registry: the authorities that it is trusted by besides the system's, and ours for it. */
struct trust {
	char **ca; /* PEM files; NULL-terminated */
	size_t ca_len, ca_cap;
	char *cert, *key; /* PEM files, or NULL: none */
	struct buf pem;   /* all authorities, the system's too; empty when there are none besides those */
};

/*
 * What the manifest (`spec`, or NULL) and hosts.toml say, and the certs.d/HOST folders of docker, podman and containerd: every *.crt, and the
 * first *.cert that has its *.key. ERROR_REGISTRY names a file that cannot be read.
 */
int trust_find(const char *domain, const struct registry_spec *spec, const struct host_settings *settings,
	       struct trust *ret, struct error **err);
void trust_free(struct trust *trust); /* the contents */

#endif
