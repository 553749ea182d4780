#ifndef ENGINE_VERIFY_VALUES_H
#define ENGINE_VERIFY_VALUES_H

struct arena;
struct platform;

/* The values of ${image.*} and ${platform.*}; NULL: unknown here. */
struct late_values {
	const char *oci; /* folder of the exported layout */
	const char *reference;
	const char *digest; /* of the index */
	const struct platform *platform;
};
/* The text (may be NULL) with them filled in; lives in the arena, or is `text` itself. */
const char *values_fill(struct arena *arena, const char *text, const struct late_values *values);

#endif
