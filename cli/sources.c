#include "config.h"

#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/fs.h"
#include "base/mem.h"
#include "cli/options.h"
#include "cli/sources.h"
#include "dsl/load.h"

extern char **environ;

/* The most files that COMPOSE_FILE or COMPOSE_ENV_FILES may name. */
#define SOURCES_MAX 1000

/* The first existing one is the manifest; COMPOSE_FILE takes precedence over compose's names. */
static const char *const own_names[] = { "services.yaml", "services.yml", NULL };
static const char *const compose_names[] = { "compose.yaml", "compose.yml", "docker-compose.yml", "docker-compose.yaml",
					     NULL };

/* The first existing one is merged over a compose file that was found by default, as in compose. */
static const char *const override_names[] = { "compose.override.yml", "compose.override.yaml",
					      "docker-compose.override.yml", "docker-compose.override.yaml", NULL };

/* All of these are read, when there is no other manifest. */
static const char *const bake_names[] = { "docker-bake.json", "docker-bake.hcl", "docker-bake.override.json",
					  "docker-bake.override.hcl", NULL };

static const char *first_there(const char *const *names)
{
	while (*names && !fs_exists(*names))
		names++;
	return *names;
}

static const char *const *split_paths(struct arena *arena, const char *text, const char *separator)
{
	const char **list = arena_array(arena, SOURCES_MAX + 1, sizeof(*list));
	size_t len = 0;

	while (*text && len < SOURCES_MAX) {
		const char *end = strstr(text, separator);
		size_t part = end ? (size_t)(end - text) : strlen(text);

		if (part)
			list[len++] = arena_strndup(arena, text, part);
		text += part + (end ? strlen(separator) : 0);
	}
	return list;
}

/* The value of COMPOSE_FILE, from the environment or the env file; NULL: none. */
static const char *const *named_files(struct sources *sources)
{
	const struct load_options outside = { .environ = (const char *const *)environ, .env_files = sources->env_files };
	cleanup_free char *names = load_outside(&outside, "COMPOSE_FILE");
	cleanup_free char *separator = load_outside(&outside, "COMPOSE_PATH_SEPARATOR");
	const char *const *list;

	if (!names || !*names)
		return NULL;
	list = split_paths(sources->arena, names, separator && *separator ? separator : ":");
	return list[0] ? list : NULL;
}

void sources_bake(const char *ret[SOURCES_BAKE + 1])
{
	size_t len = 0;

	for (const char *const *name = bake_names; *name; name++)
		if (fs_exists(*name))
			ret[len++] = *name;
	ret[len] = NULL;
}

static void find_usual(struct sources *sources)
{
	const char *const *named;
	const char **overlays;

	sources->path = first_there(own_names);
	if (sources->path)
		return;
	named = named_files(sources);
	if (named) {
		sources->path = named[0];
		sources->given = getenv("COMPOSE_FILE") != NULL; /* set by the user, not by the project's .env */
		sources->overlays = named + 1;
		return;
	}
	sources->path = first_there(compose_names);
	overlays = arena_array(sources->arena, SOURCES_BAKE + 1, sizeof(*overlays));
	sources_bake(overlays);
	sources->bake = !sources->path && overlays[0];
	if (sources->bake)
		sources->path = *overlays++;
	else
		overlays[0] = sources->path ? first_there(override_names) : NULL;
	sources->overlays = overlays;
}

static bool is_own(const char *path)
{
	return strncmp(path_base(path), "services.", strlen("services.")) == 0;
}

struct sources sources_find(const struct options *options)
{
	struct sources sources = { .arena = arena_new(), .env_files = (const char *const *)options->env_files };
	bool own = options->file ? is_own(options->file) : first_there(own_names) != NULL;
	const char *env_files = own || sources.env_files ? NULL : getenv("COMPOSE_ENV_FILES");

	if (env_files && *env_files)
		sources.env_files = split_paths(sources.arena, env_files, ",");
	if (options->file) {
		sources.path = options->file;
		sources.given = true;
		sources.overlays = (const char *const *)options->overlays;
	} else {
		find_usual(&sources);
	}
	if (!sources.path)
		sources.path = own_names[0];
	return sources;
}

/* Whether one of the names is there in the folder. */
static bool any_in(const char *folder, const char *const *names)
{
	for (; *names; names++) {
		cleanup_free char *path = path_join(folder, *names);

		if (fs_exists(path))
			return true;
	}
	return false;
}

static bool any_usual(const char *folder)
{
	return any_in(folder, own_names) || any_in(folder, compose_names) || any_in(folder, bake_names);
}

char *sources_above(void)
{
	static const char *const top[] = { ".git", NULL };
	char *found = NULL, *at;

	/* First what costs nothing: the rest reads the env file. */
	if (any_usual(".") || sources_exist(&(struct options){ 0 }))
		return NULL;
	at = path_absolute(".", NULL);
	while (at) {
		char *above = path_dir(at);
		bool last = strcmp(above, at) == 0;

		if (!found && any_usual(at))
			found = mem_strdup(at);
		if (any_in(at, top)) {
			free(at);
			free(above);
			return found;
		}
		free(at);
		at = last ? NULL : steal_ptr(above);
		free(above);
	}
	free(found);
	return NULL;
}

void sources_cleanup(struct sources *sources)
{
	arena_free(sources->arena);
}

bool sources_exist(const struct options *options)
{
	struct sources sources cleanup_sources = sources_find(options);
	struct stat st;

	return options->file || fs_find(sources.path, &st, NULL) != 0;
}
