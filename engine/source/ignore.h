#ifndef ENGINE_SOURCE_IGNORE_H
#define ENGINE_SOURCE_IGNORE_H

#include <stdbool.h>
#include <stddef.h>

struct error;

/* .dockerignore, exactly as the builders read it: moby/patternmatcher and its ignorefile reader. */
struct ignore;

/* `name` is for errors: ERROR_USAGE "<name>:<line>: ..." for a pattern that the builders refuse. */
int ignore_parse(const char *text, size_t len, const char *name, struct ignore **ret, struct error **err);
void ignore_free(struct ignore *ignore); /* NULL-safe */
/* True when `path` (relative, cleaned, '/') is left out of the context: the last pattern that matches it
 * or one of its parents decides (patternmatcher's MatchesOrParentMatches). NULL ignores nothing. */
bool ignore_matches(const struct ignore *ignore, const char *path);
/* For a folder that is left out: true when a "!" pattern could bring back something below it. */
bool ignore_descend(const struct ignore *ignore, const char *path);

/* For a walk from the top: as ignore_matches, for an entry whose folder is not left out or was descended
 * into for a "!" pattern. True only where patternmatcher's MatchesOrParentMatches and the rule of BuildKit's
 * walker (MatchesUsingParentResults) agree; they differ in a few files with "!" patterns. */
bool ignore_walk(const struct ignore *ignore, const char *path);

#endif
