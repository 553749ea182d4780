#ifndef ENGINE_SOURCE_CONTENT_H
#define ENGINE_SOURCE_CONTENT_H

#include <stddef.h>

struct error;
struct hash128;
struct wanted;

/* Hashes the files (those that are not known yet), several at once. Their stamps are those of the content that was
 * read; extended attributes that builders carry into images are part of a digest (base/xattr.h). ERROR_USAGE naming the
 * first file (in the order given) that cannot be read or does not stop changing; ERROR_STATE for its attributes. */
int content_hash(struct wanted *wanted, size_t len, struct error **err);
/* The digest of an open file as it counts: that of its content, in `*digest`, with its attributes when it has some. */
int content_attributes(int fd, const char *path, struct hash128 *digest, struct error **err);

#endif
