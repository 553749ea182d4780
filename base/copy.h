#ifndef BASE_COPY_H
#define BASE_COPY_H

struct error;

/* Copies of files, with their permission bits, modification times and those extended attributes that images have (xattr.h). Nothing is overwritten. ERROR_STATE with the path. */

/* A file; not through a symbolic link. Its blocks are shared where the file system can do that. */
int copy_file(const char *from, const char *to, struct error **err);
/* The attributes alone, of a folder. */
int copy_attributes(const char *from, const char *to, struct error **err);
/* A file, a symbolic link as such, or a folder and all below it (times of folders are not kept). Anything else is an
 * error. */
int copy_tree(const char *from, const char *to, struct error **err);

#endif
