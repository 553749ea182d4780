#ifndef BASE_BUF_H
#define BASE_BUF_H

#include <stddef.h>

/* A growable byte buffer. `{0}` is a valid empty one. Once something was added, `data` is NUL-terminated (the NUL
 * is not counted in `len`). */
struct buf {
	char *data;
	size_t len;
	size_t cap;
};

void buf_add(struct buf *buf, const void *data, size_t len);
void buf_str(struct buf *buf, const char *s);
void buf_char(struct buf *buf, char c);
__attribute__((format(printf, 2, 3))) void buf_printf(struct buf *buf, const char *fmt, ...);
/* Makes room for `len` more bytes behind `data + len` and returns where they start. Their content is undefined;
 * buf_filled says how many were written. */
char *buf_room(struct buf *buf, size_t len);
void buf_filled(struct buf *buf, size_t len);
void buf_reset(struct buf *buf); /* length 0, memory kept */
void buf_free(struct buf *buf);  /* the memory; the struct is `{0}` again */
/* Hands the bytes over (never NULL; free() them); the buffer is empty again. */
char *buf_steal(struct buf *buf);

#define cleanup_buf __attribute__((cleanup(buf_free)))

#endif
