#ifndef ENGINE_SOURCE_IGNORE_PATTERN_H
#define ENGINE_SOURCE_IGNORE_PATTERN_H

#include <stdbool.h>
#include <stddef.h>

/* One pattern of a .dockerignore, with the meaning that moby/patternmatcher gives it. It is translated to a regular
 * expression (RE2 syntax), except when the whole pattern is literal, or "**" occurs only at its beginning or only
 * at its end. For a given pattern, matching is linear in the path. */
struct ignore_pattern;

/* `text` is cleaned and without "!". NULL for a pattern that the builders refuse; *ret_why is then a static text. */
struct ignore_pattern *ignore_pattern_new(const char *text, size_t len, const char **ret_why);
void ignore_pattern_free(struct ignore_pattern *pattern); /* NULL-safe */
/* Matches `path` itself (not its parents). Thread-safe. */
bool ignore_pattern_match(const struct ignore_pattern *pattern, const char *path, size_t len);
/* False when nothing below the folder `dir` can match; true in doubt. */
bool ignore_pattern_below(const struct ignore_pattern *pattern, const char *dir, size_t len);

#endif
