#ifndef ENGINE_BUILDER_LEFTOVER_H
#define ENGINE_BUILDER_LEFTOVER_H

struct argv;
struct loop;

#define LEFTOVER_TRIAL (~0u) /* the build number of trials */

/*
 * Working containers: a buildah that is killed during a build leaves them in its storage, mounted and as large as what
 * was copied so far. We recognise ours by a mark that buildah stores with them: a secret that no step uses.
 */

/* The mark of this process's build number `build`, as a value of --secret. malloc'd. */
char *leftover_mark(unsigned build);
/* Adds to `ids` the marked working containers in the storage `root`: of this process's build number `build`, or
 * with `build` 0 of processes that no longer exist. Only reads files; unreadable ones are skipped. */
void leftover_list(const char *root, unsigned build, struct argv *ids);
/* The same for working containers without metadata, and so without a mark, whose buildah was killed before it wrote
 * it. Nobody can use them. Those whose buildah may still be running are skipped. */
void leftover_unnoted(const char *root, struct argv *ids);
/* Removes the listed containers, even when the loop is cancelled. Failures do not matter: nothing depends on them. */
void leftover_remove(struct loop *loop, const char *program, const char *root, unsigned build);
void leftover_remove_unnoted(struct loop *loop, const char *root);

#endif
