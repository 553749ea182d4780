#ifndef BASE_XATTR_H
#define BASE_XATTR_H

struct buf;
struct error;

/* Extended attributes of files that builders carry into images: "user.*" and the file capabilities ("security.capability",
 * "security.ima"). Where the system or the file system has none, there are none. */

/* Appends name and value of each, framed and sorted by name: equal attributes give equal bytes, none gives nothing.
 * ERROR_STATE with the path. */
int xattr_collect(int fd, const char *path, struct buf *ret, struct error **err);
/* Sets on `to` what `from` has. */
int xattr_copy(int from, const char *from_path, int to, const char *to_path, struct error **err);

#endif
