#ifndef ENGINE_SOURCE_REMOTE_H
#define ENGINE_SOURCE_REMOTE_H

/* The URL of a git remote as people open it: "git@host:acme/web.git" and "ssh://git@host/acme/web.git" are
 * "https://host/acme/web", and no login is left in it (malloc'd). NULL for what is no URL, such as a path. */
char *remote_url(const char *url);

#endif
