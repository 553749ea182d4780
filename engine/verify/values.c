#include "config.h"

#include <string.h>

#include "dsl/late.h"
#include "engine/verify/values.h"

struct lookup {
	const struct late_values *values;
	struct arena *arena;
};

static const char *look_up(void *data, const char *name)
{
	struct lookup *lookup = data;
	const struct late_values *values = lookup->values;

	if (strcmp(name, "image.oci") == 0)
		return values->oci;
	if (strcmp(name, "image.reference") == 0)
		return values->reference;
	if (strcmp(name, "image.digest") == 0)
		return values->digest;
	return values->platform ? late_platform(lookup->arena, values->platform, name) : NULL;
}

const char *values_fill(struct arena *arena, const char *text, const struct late_values *values)
{
	struct lookup lookup = { .values = values, .arena = arena };

	return text ? late_expand(arena, text, look_up, &lookup) : NULL;
}
