#ifndef CLI_SOURCES_H
#define CLI_SOURCES_H

#include <stdbool.h>

struct arena;
struct options;

/* The files that a run reads, according to options, environment and folder: the manifest, those merged over it, env
 * files (NULL: the default one). The lists are NULL-terminated. */
struct sources {
	struct arena *arena;
	const char *path;
	const char *const *overlays;
	const char *const *env_files;
	bool bake;  /* they are the bake files of the default names */
	bool given; /* path and overlays were given by options or environment */
};

struct sources sources_find(const struct options *options);
void sources_cleanup(struct sources *sources);
#define cleanup_sources __attribute__((cleanup(sources_cleanup)))

/* The bake files of the default names that are here, in the order in which bake reads them; ends with NULL. */
#define SOURCES_BAKE 4
void sources_bake(const char *ret[SOURCES_BAKE + 1]);

/* The nearest folder above this one, within the checkout that this one is in, with a manifest of a usual name.
 * malloc'd, absolute; NULL when this one has a manifest, or none has. */
char *sources_above(void);

/* Whether there is a manifest where the options say, or a file with one of the default names. */
bool sources_exist(const struct options *options);

#endif
