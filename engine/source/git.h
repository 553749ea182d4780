#ifndef ENGINE_SOURCE_GIT_H
#define ENGINE_SOURCE_GIT_H

/* What git knows of the project (libgit2, loaded on first use). */
struct git;

/* Nothing is opened before the first git_value. `dir` is copied. */
struct git *git_new(const char *dir);
void git_free(struct git *git); /* NULL-safe */

/* The value of "git.commit" (40 hex digits), "git.short" (12), "git.branch" ("" when detached),
 * "git.describe" (as `git describe --tags --always --dirty`), "git.dirty" ("true" or "false": tracked files
 * that differ from HEAD, staged or not). Borrowed from `git`. NULL when there is none, with *ret_why a
 * sentence (no repository, no commit yet, owned by another user ...), borrowed as well. */
const char *git_value(struct git *git, const char *name, const char **ret_why);

#endif
