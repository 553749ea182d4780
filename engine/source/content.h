#ifndef ENGINE_SOURCE_CONTENT_H
#define ENGINE_SOURCE_CONTENT_H

#include <stddef.h>

struct error;
struct hash128;
struct wanted;

/* Hashes files whose content is not known yet, several at once. The stamps are those of the content that was read;
 * a digest includes the extended attributes that builders copy into images (base/xattr.h). ERROR_USAGE naming the
 * first file (in the given order) that cannot be read or keeps changing; ERROR_STATE for its attributes. */
int content_hash(struct wanted *wanted, size_t len, struct error **err);
/* The digest of an open file: of its content, in `*digest`, combined with its attributes if it has any. */
int content_attributes(int fd, const char *path, struct hash128 *digest, struct error **err);

#endif
