#ifndef ENGINE_OCI_UNPACK_H
#define ENGINE_OCI_UNPACK_H

#include <stdbool.h>

struct error;

/* Archives as the context of a build. */

/* 1 when a file begins like what builders take for one: a tar, plain or packed with gzip, bzip2 or xz; else 0. */
int unpack_is_archive(int fd, const char *name, struct error **err);
/* Unpacks it into the empty folder `to`: folders, files, links, with modes and times, without owners. Nothing is written outside: "..", a
 * path through a link, and what is neither of these are errors, as is more than a limit of bytes and entries. `name` is used in
 * errors: ERROR_REGISTRY, ERROR_STATE for the disk. */
int unpack_tree(int fd, const char *name, const char *to, struct error **err);

#endif
