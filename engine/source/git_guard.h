#ifndef ENGINE_SOURCE_GIT_GUARD_H
#define ENGINE_SOURCE_GIT_GUARD_H

struct error;

/* Looks at a repository before libgit2 does. libgit2 opens whatever has the name of one of git's files, and git's configuration names
 * further files: a named pipe or a device among them would keep it waiting forever. All errors are ERROR_USAGE and name the file. */

/* Checks the repository that libgit2 finds for `dir`: its folder, the files that its configuration includes, and other repositories
 * whose objects it uses. *ret_tree is the folder with ".git" in it, for the caller to free; NULL for a bare repository and
 * when there is none. */
int git_guard_repository(const char *dir, char **ret_tree, struct error **err);
/* Checks what comparing files reads in the working tree `dir`: files of attributes and ignored names, and submodules. */
int git_guard_tree(const char *dir, struct error **err);

#endif
