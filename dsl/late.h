#ifndef DSL_LATE_H
#define DSL_LATE_H

#include <stddef.h>
#include <stdbool.h>

struct arena;
struct platform;

/* Late variables: see dsl/manifest.h. */
#define LATE_OPEN '\x01'
#define LATE_CLOSE '\x02'

/* All late variables: platform.os, platform.arch, platform.variant, platform.name ("linux/arm/v7"), platform.slug
 * ("linux-arm-v7", usable in file names); image.oci (an OCI image layout), image.reference (with tag),
 * image.digest. NULL after the last one. */
extern const char *const late_names[];

/* The value of a late variable such as "platform.arch", or NULL when it is unknown. */
typedef const char *late_lookup(void *data, const char *name);

/* True when `s` (may be NULL) contains a late variable whose name begins with `prefix` ("platform."). */
bool late_mentions(const char *s, const char *prefix);
/* The name and length of the first late variable in `s` (may be NULL) that begins with neither prefix (each may be
 * NULL); NULL when there is none. Points into `s`. */
const char *late_foreign(const char *s, const char *prefix, const char *prefix2, size_t *ret_len);
/* Fills in every late variable of `s`; one that `lookup` does not know is written back as "${name}". Lives in
 * `arena`; `s` itself when it contains none. */
const char *late_expand(struct arena *arena, const char *s, late_lookup *lookup, void *data);
/* The value of "platform.*" for this platform (in `arena` or static), NULL for other names. Usable as a late_lookup. */
const char *late_platform(struct arena *arena, const struct platform *platform, const char *name);

#endif
