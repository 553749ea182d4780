#ifndef ENGINE_REGISTRY_GIT_REFS_H
#define ENGINE_REGISTRY_GIT_REFS_H

struct error;
struct loop;

/* "commit:..." of the ref that a repository's URL names ("URL#ref:folder", no ref: its HEAD), by `git ls-remote`: git has the user's
 * keys and logins, and its transports. malloc'd. A login in the URL is in no argument and in no error. ERROR_TOOL when there is no
 * git, else ERROR_REGISTRY. */
int git_refs_find(struct loop *loop, const char *url, char **ret, struct error **err);

#endif
