#include "config.h"

#include <string.h>

#include "dsl/late.h"
#include "dsl/manifest.h"
#include "engine/verify/checks.h"

struct lookup {
	const struct late_values *values;
	char platform[PLATFORM_TEXT];
};

static const char *look_up(void *data, const char *name)
{
	struct lookup *lookup = data;
	const struct verify_job *job = lookup->values->job;
	const struct platform *platform = job->host < job->members_len ? &job->members[job->host].platform : NULL;

	if (strcmp(name, "image.oci") == 0)
		return lookup->values->oci;
	if (strcmp(name, "image.reference") == 0)
		return job->reference;
	if (strcmp(name, "image.digest") == 0)
		return job->index;
	if (!platform)
		return NULL;
	if (strcmp(name, "platform.name") == 0) {
		platform_text(platform, lookup->platform);
		return lookup->platform;
	}
	if (strcmp(name, "platform.os") == 0)
		return platform->os;
	if (strcmp(name, "platform.arch") == 0)
		return platform->arch;
	return strcmp(name, "platform.variant") == 0 ? platform->variant : NULL;
}

const char *values_fill(struct arena *arena, const char *text, const struct late_values *values)
{
	struct lookup lookup = { .values = values };

	return text ? late_expand(arena, text, look_up, &lookup) : NULL;
}
