#ifndef ENGINE_SOURCE_REMOTE_H
#define ENGINE_SOURCE_REMOTE_H

/* The web URL of a git remote: "git@host:acme/web.git" and "ssh://git@host/acme/web.git" become
 * "https://host/acme/web", without any login (malloc'd). NULL for anything but a URL, such as a path. */
char *remote_url(const char *url);

#endif
