#ifndef ENGINE_BUILDER_PROOF_H
#define ENGINE_BUILDER_PROOF_H

#include <stdbool.h>
#include <stdint.h>

struct build_image;
struct build_job;
struct image;
struct platform;

/*
 * Builders get platforms wrong: they use a cached layer of another platform, or resolve one name once for two
 * platforms. Not even the config is reliable, so the layers are compared with those of the intended base.
 */

/* The job's image that is marked as the base, or NULL. */
const struct build_image *proof_base(const struct build_job *job);
/* NULL when `result` and `base` are for `platform` and the layers of `result` begin with those of `base` (NULL: any
 * layers); otherwise a sentence that says what is wrong (malloc'd). */
char *proof_fault(const struct image *result, const struct platform *platform, const struct image *base);
/* Whether all steps of `result` that are not the base's (NULL: there is none) have the date `epoch`, in seconds since 1970: buildah's cache
 * keeps layers of another date. */
bool proof_dated(const struct image *result, const struct image *base, int64_t epoch);

#endif
