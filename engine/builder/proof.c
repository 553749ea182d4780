#include "config.h"

#include <string.h>
#include <time.h>

#include "base/mem.h"
#include "base/platform.h"
#include "engine/builder/builder.h"
#include "engine/builder/proof.h"
#include "engine/oci/image.h"

const struct build_image *proof_base(const struct build_job *job)
{
	for (size_t i = 0; i < job->images_len; i++)
		if (job->images[i].base)
			return &job->images[i];
	return NULL;
}

/* A base may be for an older variant. */
static bool base_fits(const struct platform *base, const struct platform *wanted)
{
	if (strcmp(base->os, wanted->os) != 0 || strcmp(base->arch, wanted->arch) != 0)
		return false;
	return !*base->variant || !*wanted->variant || strcmp(base->variant, wanted->variant) == 0;
}

char *proof_fault(const struct image *result, const struct platform *platform, const struct image *base)
{
	char actual[PLATFORM_TEXT], wanted[PLATFORM_TEXT];

	platform_text(platform, wanted);
	if (!platform_equal(&result->platform, platform)) {
		platform_text(&result->platform, actual);
		return mem_printf("the image is for %s instead of %s", actual, wanted);
	}
	if (!base)
		return NULL;
	if (*base->platform.arch && !base_fits(&base->platform, platform)) {
		platform_text(&base->platform, actual);
		return mem_printf("its base is for %s instead of %s", actual, wanted);
	}
	if (result->diff_ids_len < base->diff_ids_len)
		return mem_printf("the image has %zu layers, fewer than the %zu of its base for %s",
				  result->diff_ids_len, base->diff_ids_len, wanted);
	for (size_t i = 0; i < base->diff_ids_len; i++)
		if (strcmp(result->diff_ids[i], base->diff_ids[i]) != 0)
			return mem_printf("layer %zu of the image is %s, not %s as in its base for %s", i + 1,
					  result->diff_ids[i], base->diff_ids[i], wanted);
	return NULL;
}

static size_t history_len(const struct image *image)
{
	size_t len = 0;

	while (image && image->history[len])
		len++;
	return len;
}

bool proof_dated(const struct image *result, const struct image *base, int64_t epoch)
{
	time_t seconds = (time_t)epoch;
	char date[64];
	struct tm tm;

	if (!gmtime_r(&seconds, &tm) || strftime(date, sizeof(date), "%Y-%m-%dT%H:%M:%SZ", &tm) == 0)
		return true; /* no builder can write it either */
	for (size_t i = history_len(base); i < history_len(result); i++)
		if (strcmp(result->history[i], date) != 0)
			return false;
	return true;
}
