#include "config.h"

#include <string.h>

#include "engine/builder/step.h"
#include "engine/io/proc.h"

#define NUMBER_MAX 100000 /* steps or stages of a Dockerfile */

/* "2/5" */
static bool take_pair(const char **at, const char *end, unsigned *first, unsigned *second)
{
	unsigned *const numbers[] = { first, second };

	for (int i = 0; i < 2; i++) {
		const char *start = *at;

		*numbers[i] = 0;
		for (; *at < end && **at >= '0' && **at <= '9' && *numbers[i] < NUMBER_MAX; ++*at)
			*numbers[i] = *numbers[i] * 10 + (unsigned)(**at - '0');
		if (*at == start || (i == 0 && (*at == end || *(*at)++ != '/')))
			return false;
	}
	return *first > 0 && *first <= *second;
}

static bool step_take_word(const char **at, const char *end, const char *word)
{
	size_t len = strlen(word);

	if ((size_t)(end - *at) < len || memcmp(*at, word, len) != 0)
		return false;
	*at += len;
	return true;
}

bool step_parse(const char *line, size_t len, struct progress *ret)
{
	const char *at = line, *end = line + len;
	struct progress progress = { 0 };

	if (step_take_word(&at, end, "[") &&
	    (!take_pair(&at, end, &progress.stage, &progress.stages) || !step_take_word(&at, end, "] ")))
		return false;
	if (!step_take_word(&at, end, "STEP ") || !take_pair(&at, end, &progress.step, &progress.steps) ||
	    !step_take_word(&at, end, ": "))
		return false;
	progress.name = at;
	progress.name_len = (size_t)(end - at);
	*ret = progress;
	return true;
}
