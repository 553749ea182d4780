#include "config.h"

#include "engine/plan/trail.h"

#include <dirent.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/fs.h"
#include "base/glob.h"
#include "base/map.h"
#include "base/mem.h"

#define LINKS_MAX 255 /* links followed for one pattern: they may form cycles */

struct trail {
	struct arena *arena;
	struct map *links;   /* absolute path -> text of the link, or "" */
	struct map *folders; /* absolute path -> struct trail_listing */
};

/* The entries of a folder that a pattern may pass through: folders and links. */
struct trail_listing {
	const char **names;
	size_t len, cap;
};

struct trail *trail_new(void)
{
	struct trail *trail = mem_alloc(sizeof(*trail));

	*trail = (struct trail){ .arena = arena_new(), .links = map_new(), .folders = map_new() };
	return trail;
}

void trail_free(struct trail *trail)
{
	if (!trail)
		return;
	for (size_t i = 0; i < map_len(trail->folders); i++)
		free(((struct trail_listing *)map_value(trail->folders, i))->names);
	map_free(trail->folders);
	map_free(trail->links);
	arena_free(trail->arena);
	free(trail);
}

char *trail_real(const char *path)
{
	cleanup_free char *parent = path_dir(path);
	cleanup_free char *real = realpath(parent, NULL);

	if (!real && strcmp(parent, path) != 0)
		real = trail_real(parent);
	return path_join(real ? real : parent, path_base(path));
}

static const char *link_text(struct trail *trail, const char *path)
{
	const char *known = map_get(trail->links, path);
	char text[PATH_MAX];
	ssize_t len;

	if (known)
		return known;
	len = readlink(path, text, sizeof(text));
	known = arena_strndup(trail->arena, text, len > 0 ? (size_t)len : 0);
	map_set(trail->links, arena_strdup(trail->arena, path), (void *)known);
	return known;
}

static const struct trail_listing *list_folder(struct trail *trail, const char *path)
{
	struct trail_listing *listing = map_get(trail->folders, path);
	const struct dirent *entry;
	DIR *dir;

	if (listing)
		return listing;
	listing = arena_alloc(trail->arena, sizeof(*listing));
	dir = opendir(path); /* if it is missing or unreadable, the walk complains */
	while (dir && (entry = readdir(dir))) {
		if (entry->d_type == DT_REG || strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0)
			continue;
		mem_reserve(&listing->names, &listing->cap, listing->len + 1, sizeof(*listing->names));
		listing->names[listing->len++] = arena_strdup(trail->arena, entry->d_name);
	}
	if (dir)
		closedir(dir);
	map_set(trail->folders, arena_strdup(trail->arena, path), listing);
	return listing;
}

struct trail_way {
	struct trail *trail;
	const char *root;
	const char *wanted;
	unsigned links;
};

static bool go(struct trail_way *way, const char *folder, const char *text, const char *pattern);

/* Continues with an entry of the current folder: both are real paths. */
static bool go_into(struct trail_way *way, const char *folder, const char *name, const char *text, const char *pattern)
{
	cleanup_free char *path = *folder ? path_join(folder, name) : mem_strdup(name);
	cleanup_free char *absolute = path_join(way->root, path);
	cleanup_free char *rest = NULL;
	const char *link;

	if (strcmp(path, way->wanted) == 0)
		return true;
	link = link_text(way->trail, absolute);
	if (!*link)
		return go(way, path, text, pattern);
	if (++way->links > LINKS_MAX)
		return true;
	rest = mem_printf("%s/%s", link, text);
	return go(way, *link == '/' ? "" : folder, rest, pattern);
}

/* One component of the text of a link. */
static bool go_by_text(struct trail_way *way, const char *folder, const char *text, const char *pattern)
{
	size_t len = strcspn(text, "/");
	cleanup_free char *name = mem_strndup(text, len), *up = path_dir(folder);

	text += len + strspn(text + len, "/");
	if (strcmp(name, "..") == 0)
		return go(way, strcmp(up, ".") == 0 ? "" : up, text, pattern);
	if (!*name || strcmp(name, ".") == 0)
		return go(way, folder, text, pattern);
	return go_into(way, folder, name, text, pattern);
}

/* The name in this folder on the path to what is wanted, or NULL (malloc'd). */
static char *wanted_here(const struct trail_way *way, const char *folder)
{
	const char *rest = *folder ? path_relative(folder, way->wanted) : way->wanted;

	return rest ? mem_strndup(rest, strcspn(rest, "/")) : NULL;
}

static bool go_by_pattern(struct trail_way *way, const char *folder, const char *pattern)
{
	size_t len = strcspn(pattern, "/");
	cleanup_free char *component = mem_strndup(pattern, len), *wanted = wanted_here(way, folder);
	cleanup_free char *absolute = NULL;
	const struct trail_listing *listing;

	if (strcmp(component, "**") == 0 && wanted && go_into(way, folder, wanted, "", pattern))
		return true;
	pattern += len + strspn(pattern + len, "/");
	if (strcmp(component, "**") == 0)
		return go(way, folder, "", pattern);
	if (!glob_has_magic(component))
		return go_into(way, folder, component, "", pattern);
	if (wanted && glob_match(component, wanted) != 0 && go_into(way, folder, wanted, "", pattern))
		return true;
	absolute = path_join(way->root, folder);
	listing = list_folder(way->trail, absolute);
	for (size_t i = 0; i < listing->len; i++) {
		if (glob_match(component, listing->names[i]) != 0 && go_into(way, folder, listing->names[i], "", pattern))
			return true;
	}
	return false;
}

/* From a folder without links, follows `text` (of a link) and then `pattern`. */
static bool go(struct trail_way *way, const char *folder, const char *text, const char *pattern)
{
	if (*text)
		return go_by_text(way, folder, text, pattern);
	if (*pattern)
		return go_by_pattern(way, folder, pattern);
	return !*folder || path_inside(folder, way->wanted);
}

bool trail_leads(struct trail *trail, const char *root, const char *pattern, const char *path)
{
	struct trail_way way = { .trail = trail, .root = root, .wanted = path };

	return go(&way, "", "", pattern);
}
