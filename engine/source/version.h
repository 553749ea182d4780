#ifndef ENGINE_SOURCE_VERSION_H
#define ENGINE_SOURCE_VERSION_H

/* Image tags made from what git knows. Results are malloc'd. */

/* A branch name as a tag: invalid characters become "-", at most 128 characters. "" stays "". */
char *version_slug(const char *branch);
/* The version that a git tag means, by semver.org 2.0.0: "v1.4.2-rc.1+x" is "1.4.2-rc.1". `parts` 3: all of it; 2:
 * "1.4", 1: "1"; these shorter forms are only for releases, NULL for a pre-release. NULL when it is not a version. */
char *version_semver(const char *tag, int parts);

#endif
