#ifndef BASE_XATTR_H
#define BASE_XATTR_H

struct buf;
struct error;

/* The extended attributes that builders copy into images: "user.*" and file capabilities ("security.capability",
 * "security.ima"). Without support in the system or file system there are none. */

/* Appends name and value of each, framed and sorted by name, so that equal attributes give equal bytes and none
 * give nothing. ERROR_STATE with the path. */
int xattr_collect(int fd, const char *path, struct buf *ret, struct error **err);
/* Copies them from `from` to `to`. */
int xattr_copy(int from, const char *from_path, int to, const char *to_path, struct error **err);

#endif
