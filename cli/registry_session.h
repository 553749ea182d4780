#ifndef CLI_REGISTRY_SESSION_H
#define CLI_REGISTRY_SESSION_H

struct error;
struct options;
struct ref;
struct session;

/* A session of a command that talks to a registry and also works without a manifest: then only `loop` and
 * `registry` are set. Complaints about a manifest are shown; -1 with *err untouched. session_close it in any case. */
int registry_session_open(struct session *session, const struct options *options, struct error **err);
/* The registry that an argument means, in the form used in image names: a host ("ghcr.io"), the beginning of a name
 * ("ghcr.io/acme") or a URL; NULL: Docker Hub. malloc'd. ERROR_USAGE. */
int registry_session_domain(const char *word, char **ret, struct error **err);

#endif
