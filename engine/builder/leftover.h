#ifndef ENGINE_BUILDER_LEFTOVER_H
#define ENGINE_BUILDER_LEFTOVER_H

struct argv;
struct loop;

#define LEFTOVER_TRIAL (~0u) /* the number of a build that only finds out what works here */

/*
 * Working containers: a buildah that is ended in the middle of a build leaves them in its storage, mounted and
 * as large as what was copied so far. Ours are told from the user's own by a mark that buildah notes
 * with them: a secret that no step asks for.
 */

/* The mark of this process's build number `build`, as the value of --secret. malloc'd. */
char *leftover_mark(unsigned build);
/* Adds the ids of the marked working containers in the storage `root` to `ids`: of this process's build
 * number `build`, or with `build` 0 of processes that are no more. Reads files only; what cannot be read is
 * left alone. */
void leftover_list(const char *root, unsigned build, struct argv *ids);
/* The same for working containers without notes, and so without a mark: of a buildah that was ended between the two. Nobody
 * can use them. Those whose buildah may still run are left out. */
void leftover_unnoted(const char *root, struct argv *ids);
/* Removes what they list, also when the loop is cancelled. Nothing depends on what an ended buildah left: failures do not
 * matter. */
void leftover_remove(struct loop *loop, const char *program, const char *root, unsigned build);
void leftover_remove_unnoted(struct loop *loop, const char *root);

#endif
