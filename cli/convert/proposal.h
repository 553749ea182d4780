#ifndef CLI_CONVERT_PROPOSAL_H
#define CLI_CONVERT_PROPOSAL_H

#include <stddef.h>

struct dockerfile_facts;
struct json;
struct survey;

/* Services for a manifest (cli/convert/emit.h), from the result of a survey. */

/* The service of one Dockerfile; the caller owns it. */
struct json *proposal_service(const struct survey *survey, size_t number);
/* Adds `verify` to a service that has none: from the Dockerfile's HEALTHCHECK, or its first port, and its USER.
 * Adds nothing when there is nothing to check. */
void proposal_verify(struct json *service, const struct dockerfile_facts *facts);
/* The index of the Dockerfile that a service's `build` uses, or survey->len. */
size_t proposal_dockerfile(const struct survey *survey, const struct json *service);

#endif
