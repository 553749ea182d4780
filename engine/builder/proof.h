#ifndef ENGINE_BUILDER_PROOF_H
#define ENGINE_BUILDER_PROOF_H

struct build_image;
struct build_job;
struct image;
struct platform;

/*
 * Builders get platforms wrong: a cached layer of another platform, one name resolved for two. What a
 * config says is no proof either, so the layers are compared with those of the base that was meant.
 */

/* The job's image that is marked as its base, or NULL. */
const struct build_image *proof_base(const struct build_job *job);
/* NULL when `result` and `base` are for `platform` and the layers of the first begin with those of the second
 * (base NULL: any layers); otherwise a sentence that says what is wrong (malloc'd). */
char *proof_fault(const struct image *result, const struct platform *platform, const struct image *base);

#endif
