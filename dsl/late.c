#include "config.h"

#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/mem.h"
#include "base/platform.h"
#include "dsl/late.h"

const char *const late_names[] = {
	"platform.os",     "platform.arch", "platform.variant",
	"platform.name",   "platform.slug", "image.oci",
	"image.reference", "image.digest",  NULL,
};

static bool late_begins(const char *s, const char *prefix)
{
	return prefix && !strncmp(s, prefix, strlen(prefix));
}

bool late_mentions(const char *s, const char *prefix)
{
	while (s && (s = strchr(s, LATE_OPEN)))
		if (late_begins(++s, prefix))
			return true;
	return false;
}

const char *late_foreign(const char *s, const char *prefix, const char *prefix2, size_t *ret_len)
{
	while (s && (s = strchr(s, LATE_OPEN))) {
		const char *close = strchr(++s, LATE_CLOSE);

		if (late_begins(s, prefix) || late_begins(s, prefix2))
			continue;
		*ret_len = close ? (size_t)(close - s) : strlen(s);
		return s;
	}
	return NULL;
}

const char *late_expand(struct arena *arena, const char *s, late_lookup *lookup, void *data)
{
	struct buf out cleanup_buf = { 0 };
	const char *open;

	if (!s || !strchr(s, LATE_OPEN))
		return s;
	while ((open = strchr(s, LATE_OPEN))) {
		const char *close = strchr(open, LATE_CLOSE);
		const char *name, *value;

		if (!close)
			break;
		buf_add(&out, s, (size_t)(open - s));
		name = arena_strndup(arena, open + 1, (size_t)(close - open - 1));
		value = lookup(data, name);
		if (value)
			buf_str(&out, value);
		else
			buf_printf(&out, "${%s}", name);
		s = close + 1;
	}
	buf_str(&out, s);
	return arena_strndup(arena, out.data ? out.data : "", out.len);
}

const char *late_platform(struct arena *arena, const struct platform *platform, const char *name)
{
	char text[PLATFORM_TEXT];

	if (!strcmp(name, "platform.os"))
		return arena_strdup(arena, platform->os);
	if (!strcmp(name, "platform.arch"))
		return arena_strdup(arena, platform->arch);
	if (!strcmp(name, "platform.variant"))
		return arena_strdup(arena, platform->variant);
	platform_text(platform, text);
	if (!strcmp(name, "platform.slug")) {
		for (char *p = text; *p; p++)
			if (*p == '/')
				*p = '-';
		return arena_strdup(arena, text);
	}
	return strcmp(name, "platform.name") == 0 ? arena_strdup(arena, text) : NULL;
}
