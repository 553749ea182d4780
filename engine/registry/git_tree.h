#ifndef ENGINE_REGISTRY_GIT_TREE_H
#define ENGINE_REGISTRY_GIT_TREE_H

struct error;
struct loop;

/*
 * The files of a commit, with those of its submodules as far as the URL wants them (base/git_url.h), in the new folder `to`: modes 644 and
 * 755, and the time of the commit. `scratch` is a new folder beside it, for repositories; the caller removes both after an error, and
 * `scratch` always.
 *
 * git fetches with the user's configuration, keys and logins, and then writes the files without it: nothing that a repository says makes it
 * run anything (hooks, filters, `update` commands of submodules), and submodules are fetched from URLs of builders' schemes only.
 * ERROR_TOOL when there is no git, ERROR_REGISTRY, ERROR_STATE.
 */
int git_tree_fetch(struct loop *loop, const char *url, const char *commit, const char *to, const char *scratch,
		   struct error **err);

#endif
