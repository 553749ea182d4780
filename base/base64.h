#ifndef BASE_BASE64_H
#define BASE_BASE64_H

#include <stdbool.h>
#include <stddef.h>

struct buf;

/* RFC 4648, section 4, with padding. */
void base64_encode(const void *data, size_t len, struct buf *out);
/* Appends the decoded bytes. False when `text` is not valid base64; the padding may be missing. */
bool base64_decode(const char *text, struct buf *out);

#endif
