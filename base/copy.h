#ifndef BASE_COPY_H
#define BASE_COPY_H

struct error;

/* Copies files with their permission bits, modification times, and the extended attributes that images keep
 * (xattr.h). Never overwrites. Errors are ERROR_STATE and name the path. */

/* Copies a file; a symbolic link is refused. Shares the blocks where the file system can. */
int copy_file(const char *from, const char *to, struct error **err);
/* Copies only the attributes of a folder. */
int copy_attributes(const char *from, const char *to, struct error **err);
/* Copies a file, a symbolic link (as a link), or a folder and everything below it (folder times are not kept).
 * Anything else is an error. */
int copy_tree(const char *from, const char *to, struct error **err);

#endif
