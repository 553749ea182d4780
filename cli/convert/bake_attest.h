#ifndef CLI_CONVERT_BAKE_ATTEST_H
#define CLI_CONVERT_BAKE_ATTEST_H

struct json;
struct service;

/* A build's `provenance` and `sbom` as bake's "attest", and as compose has them. */

/* The list, or NULL when it would be empty; the caller's. */
struct json *bake_attest_write(const struct service *service);
/* `provenance` and `sbom` in compose's form ("mode=max"); NULL: not requested. The second is malloc'd. */
const char *attest_provenance(const struct service *service);
char *attest_sbom(const struct service *service);

#endif
