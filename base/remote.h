#ifndef BASE_REMOTE_H
#define BASE_REMOTE_H

#include <stdbool.h>

/* What builders fetch: neither a context nor this machine holds it. */
bool remote_is(const char *path);
/* The same for a context, which may be "github.com/..." as well. */
bool remote_is_context(const char *value);
/* Of those, and of contexts at a URL: a git repository ("#ref:folder" may stand behind it). Over HTTP it is one by its name, otherwise
 * nothing else can be meant. */
bool remote_is_git(const char *url);
/* A git repository's commit, which is what it is for good. */
bool remote_is_commit(const char *url);

/* The web URL of a git remote: "git@host:acme/web.git" and "ssh://git@host/acme/web.git" become
 * "https://host/acme/web", without any login (malloc'd). NULL for anything but a URL, such as a path. */
char *remote_url(const char *url);

#endif
