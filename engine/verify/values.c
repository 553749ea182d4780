#include "config.h"

#include <string.h>

#include "dsl/late.h"
#include "dsl/manifest.h"
#include "engine/verify/checks.h"

struct lookup {
	const struct late_values *values;
	struct arena *arena;
};

static const char *look_up(void *data, const char *name)
{
	struct lookup *lookup = data;
	const struct verify_job *job = lookup->values->job;

	if (strcmp(name, "image.oci") == 0)
		return lookup->values->oci;
	if (strcmp(name, "image.reference") == 0)
		return job->reference;
	if (strcmp(name, "image.digest") == 0)
		return job->index;
	return job->host < job->members_len ? late_platform(lookup->arena, &job->members[job->host].platform, name)
					    : NULL;
}

const char *values_fill(struct arena *arena, const char *text, const struct late_values *values)
{
	struct lookup lookup = { .values = values, .arena = arena };

	return text ? late_expand(arena, text, look_up, &lookup) : NULL;
}
