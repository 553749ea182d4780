#ifndef ENGINE_VERIFY_CHECKS_H
#define ENGINE_VERIFY_CHECKS_H

#include <stdbool.h>

#include "engine/verify/values.h"
#include "engine/verify/verify.h"

/* What the files of engine/verify/ share; for them alone. */

struct findings;
struct image;
struct verify_spec;

/* policy.c: checks of the image's own data. */
void policy_check(const struct verify_job *job, struct findings *findings);
/* Checks one platform's image; `where` ("linux/arm64: " or "") precedes each finding. */
void policy_image(const struct verify_spec *spec, const struct image *image, const char *where,
		  struct findings *findings);
/* Whether `user` from the image's config satisfies `wanted` ("nonroot", "1000", "app", "1000:1000"). */
bool policy_user(const char *wanted, const char *user);

/* play.c: runs the service's container and its dependencies until it is healthy. */
void play_check(const struct verify_job *job, struct findings *findings);

/* checker.c: `run:` checks. */
void checker_check(const struct verify_job *job, struct findings *findings);

/* The values of ${image.*} and ${platform.*} for this job. */
static inline struct late_values verify_values(const struct verify_job *job)
{
	return (struct late_values){
		.reference = job->reference,
		.digest = job->index,
		.platform = job->host < job->members_len ? &job->members[job->host].platform : NULL,
	};
}

#endif
