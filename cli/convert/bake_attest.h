#ifndef CLI_CONVERT_BAKE_ATTEST_H
#define CLI_CONVERT_BAKE_ATTEST_H

struct json;
struct service;

/* Converts between bake's "attest" and a build's `provenance` and `sbom`. */

/* Sets the members of the build that the list (may be NULL) asks for. */
void bake_attest_read(const struct json *list, struct json *build);
/* The list, or NULL when nothing is to be said; the caller's. */
struct json *bake_attest_write(const struct service *service);
/* `provenance` and `sbom` as compose writes them ("mode=max"); NULL: not asked for. The second is malloc'd. */
const char *attest_provenance(const struct service *service);
char *attest_sbom(const struct service *service);

#endif
