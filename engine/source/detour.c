#include "config.h"

#include "engine/source/detour.h"

#include <string.h>

#include "base/fs.h"
#include "base/glob.h"
#include "base/mem.h"
#include "engine/source/select.h"
#include "engine/source/walk.h"

#define DETOURS_MAX 255 /* patterns added to one selection: links may form cycles */

/* ".." after a name: if that name is a link, its parent is not the folder before it. */
static bool doubtful(const char *text)
{
	bool name = false;

	while (*text) {
		size_t len = strcspn(text, "/");

		if (len == 2 && strncmp(text, "..", 2) == 0 && name)
			return true;
		name |= len > 0 && !(len == 1 && *text == '.') && !(len == 2 && strncmp(text, "..", 2) == 0);
		text += len + (text[len] == '/');
	}
	return false;
}

/* The pattern for a link's target: the target's path, then the rest of the pattern that led to the link. */
static char *pattern_behind(const struct detour *detour)
{
	cleanup_free char *folder = path_dir(detour->path);
	cleanup_free char *joined = detour->link[0] == '/' ? mem_strdup(detour->link)
							   : mem_printf("/%s/%s", folder, detour->link);
	cleanup_free char *cleaned = path_clean(joined); /* ".." stops at the folder's root */
	cleanup_free char *target = glob_escape(cleaned + 1);

	return *detour->rest ? mem_printf("%s%s%s", target, *target ? "/" : "", detour->rest) : steal_ptr(target);
}

bool detour_follow(struct selector *selector, const struct detour *detours, size_t len)
{
	bool changed = false;

	for (size_t i = 0; i < len; i++) {
		cleanup_free char *pattern = NULL;

		if (detours[i].selector != selector)
			continue;
		pattern = pattern_behind(&detours[i]);
		if (!*pattern || doubtful(detours[i].link) || selector_extended(selector) >= DETOURS_MAX) {
			selector_whole(selector);
			return true;
		}
		changed |= selector_extend(selector, pattern, detours[i].taken || *detours[i].rest);
	}
	return changed;
}
