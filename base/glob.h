#ifndef BASE_GLOB_H
#define BASE_GLOB_H

#include <stdbool.h>

/* Shell-like patterns as Go's path/filepath.Match: * ? [a-z] [^x] and \x; * and ? do not match '/'. */

/* 1 match, 0 no match, -1 malformed pattern. */
int glob_match(const char *pattern, const char *name);
/* The same, but "**" as a whole path component matches any number of components. */
int glob_match_deep(const char *pattern, const char *name);
bool glob_has_magic(const char *s);  /* contains * ? [ or \ */
char *glob_escape(const char *name); /* the pattern that matches only this name; malloc'd */

#endif
