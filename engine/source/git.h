#ifndef ENGINE_SOURCE_GIT_H
#define ENGINE_SOURCE_GIT_H

#include <stddef.h>

struct error;

/* What git knows about the project (libgit2, loaded on first use). */
struct git;

/* Opens nothing before the first git_value. `dir` is copied. */
struct git *git_new(const char *dir);
void git_free(struct git *git); /* NULL-safe */

/* The value of "git.commit" (40 hex digits), "git.short" (12), "git.branch" ("" when detached),
 * "git.describe" (as `git describe --tags --always --dirty`), "git.dirty" ("true" or "false": tracked files
 * that differ from HEAD, staged or not), "git.slug" (the branch as a tag can have
 * it; detached, what the pipeline's environment calls it), "git.date" (of the commit, 20231231), "git.semver", "git.semver.minor" and "git.semver.major" ("1.4.2", "1.4" and "1" where a tag of
 * the commit is such a version and nothing is dirty), "git.time" (of the commit, in seconds since 1970), "git.source" (where the remote
 * called origin is, as a URL without a login; "" when there is none). Borrowed from `git`. NULL when there is none, with *ret_why a
 * sentence (no repository, no commit yet, owned by another user ...), borrowed as well. */
const char *git_value(struct git *git, const char *name, const char **ret_why);

/* The files that differ between the tree of `ref` (a commit, a tag, "origin/main", "HEAD~3") and the working tree,
 * staged or not, plus untracked files that are not ignored; a moved file is listed twice. Absolute paths without
 * symbolic links; a folder only where git treats it as one entry (a submodule). The caller frees the list and each
 * path. ERROR_USAGE when there is no such commit or no repository. */
int git_changed(struct git *git, const char *ref, char ***ret, size_t *ret_len, struct error **err);

#endif
