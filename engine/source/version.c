#include "config.h"

#include <ctype.h>
#include <stdbool.h>
#include <string.h>

#include "base/mem.h"
#include "engine/source/version.h"

#define TAG_MAX 128
#define DIGITS "0123456789"

static bool version_fit(char c)
{
	return isalnum((unsigned char)c) || c == '_' || c == '.' || c == '-';
}

char *version_slug(const char *branch)
{
	char *slug = mem_strndup(branch, strnlen(branch, TAG_MAX));

	for (char *c = slug; *c; c++) {
		if (!version_fit(*c))
			*c = '-';
	}
	if (*slug == '.' || *slug == '-')
		*slug = '_'; /* a tag cannot begin with these */
	return slug;
}

/* A number without a leading zero. */
static const char *skip_number(const char *at)
{
	size_t len = strspn(at, DIGITS);

	return len == 0 || (len > 1 && *at == '0') ? NULL : at + len;
}

char *version_semver(const char *tag, int parts)
{
	const char *start = tag + (*tag == 'v' || *tag == 'V'), *at = start, *ends[3], *end;
	size_t rest;

	for (int i = 0; i < 3; i++) {
		at = skip_number(at);
		if (!at || (i < 2 && *at != '.'))
			return NULL;
		ends[i] = at++;
	}
	end = ends[2];
	if (*end == '-') {
		rest = 1 + strspn(end + 1, DIGITS "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ.-");
		if (rest == 1 || parts < 3)
			return NULL;
		end += rest;
	}
	if (*end && *end != '+')
		return NULL;
	return mem_strndup(start, (size_t)((parts < 3 ? ends[parts - 1] : end) - start));
}
