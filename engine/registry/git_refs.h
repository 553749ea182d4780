#ifndef ENGINE_REGISTRY_GIT_REFS_H
#define ENGINE_REGISTRY_GIT_REFS_H

struct argv;
struct error;
struct loop;
struct proc_result;

/* What git needs to be asked for a repository in the way that the user's own git would, but never at a terminal. `shown`: the URL as its
 * argument, without the login. */
void git_environment(const char *url, const char *shown, struct argv *env);
/* The error (negative, ERROR_REGISTRY) of a git that ended badly: what it said first, unless that shows a login. */
int git_failed(const char *shown, const struct proc_result *result, struct error **err);
/* "commit:..." of what a repository's URL names (base/git_url.h; no ref: its HEAD), by `git ls-remote`: git has the user's
 * keys and logins, and its transports. malloc'd. A login in the URL is in no argument and in no error. ERROR_TOOL when there is no
 * git, ERROR_USAGE for a URL that is none, else ERROR_REGISTRY. */
int git_refs_find(struct loop *loop, const char *url, char **ret, struct error **err);

#endif
