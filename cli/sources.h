#ifndef CLI_SOURCES_H
#define CLI_SOURCES_H

#include <stdbool.h>

struct arena;
struct options;

/* The files that a run reads, as the options, the environment and the folder say: the manifest, those merged over it, env files
 * (NULL: the usual one). The lists are NULL-terminated. */
struct sources {
	struct arena *arena;
	const char *path;
	const char *const *overlays;
	const char *const *env_files;
	bool given; /* path and overlays, by the options or the environment */
};

struct sources sources_find(const struct options *options);
void sources_cleanup(struct sources *sources);
#define cleanup_sources __attribute__((cleanup(sources_cleanup)))

/* The nearest folder above this one, within the checkout that this one is in, with a manifest of a usual name.
 * malloc'd, absolute; NULL when this one has a manifest, or none has. */
char *sources_above(void);

/* There is a manifest where the options say, or a file with one of its usual names. */
bool sources_exist(const struct options *options);

#endif
