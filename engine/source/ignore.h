#ifndef ENGINE_SOURCE_IGNORE_H
#define ENGINE_SOURCE_IGNORE_H

#include <stdbool.h>
#include <stddef.h>

struct error;

/* .dockerignore, exactly as the builders read it: moby/patternmatcher and its ignorefile reader. */
struct ignore;

/* `name` is used in errors: ERROR_USAGE "<name>:<line>: ..." for a pattern that the builders refuse. */
int ignore_parse(const char *text, size_t len, const char *name, struct ignore **ret, struct error **err);
void ignore_free(struct ignore *ignore); /* NULL-safe */
/* True when `path` (relative, cleaned, '/') is excluded from the context: the last pattern that matches it or one
 * of its parents decides (patternmatcher's MatchesOrParentMatches). NULL ignores nothing. */
bool ignore_matches(const struct ignore *ignore, const char *path);
/* For an excluded folder: true when a "!" pattern may include something below it. */
bool ignore_descend(const struct ignore *ignore, const char *path);

/* For a walk from the top: like ignore_matches, for an entry whose folder is included or was entered because of a
 * "!" pattern. True only where patternmatcher's MatchesOrParentMatches and BuildKit's walker
 * (MatchesUsingParentResults) agree; they differ for a few files with "!" patterns. */
bool ignore_walk(const struct ignore *ignore, const char *path);

#endif
