#ifndef ENGINE_SOURCE_CONTENT_H
#define ENGINE_SOURCE_CONTENT_H

#include <stddef.h>

struct error;
struct wanted;

/* Hashes the files (those that are not known yet), several at once. Their stamps are those of the content that was
 * read; extended attributes that builders carry into images are part of a digest (base/xattr.h). ERROR_USAGE naming the
 * first file (in the order given) that cannot be read or does not stop changing; ERROR_STATE for its attributes. */
int content_hash(struct wanted *wanted, size_t len, struct error **err);

#endif
