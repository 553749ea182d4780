#include "config.h"

#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/bug.h"
#include "base/mem.h"

/* Makes room for `len` more bytes and the NUL. */
static void grow(struct buf *buf, size_t len)
{
	size_t need;
	size_t cap;
	char *data;

	bug_if(buf->len > buf->cap, "a buffer of %zu bytes holds %zu", buf->cap, buf->len);
	if (__builtin_add_overflow(buf->len, len, &need) || need == SIZE_MAX)
		mem_exhausted();
	need++;
	if (need <= buf->cap)
		return;
	cap = buf->cap + buf->cap / 2;
	if (cap < need)
		cap = need < 64 ? 64 : need;
	data = realloc(buf->data, cap);
	if (!data)
		mem_exhausted();
	buf->data = data;
	buf->cap = cap;
}

void buf_add(struct buf *buf, const void *data, size_t len)
{
	grow(buf, len);
	if (len > 0)
		memcpy(buf->data + buf->len, data, len);
	buf->len += len;
	buf->data[buf->len] = '\0';
}

void buf_str(struct buf *buf, const char *s)
{
	buf_add(buf, s, strlen(s));
}

void buf_char(struct buf *buf, char c)
{
	buf_add(buf, &c, 1);
}

void buf_printf(struct buf *buf, const char *fmt, ...)
{
	va_list args;
	size_t room;
	int n;

	grow(buf, 64);
	room = buf->cap - buf->len;
	va_start(args, fmt);
	n = vsnprintf(buf->data + buf->len, room, fmt, args);
	va_end(args);
	if (n >= 0 && (size_t)n >= room) {
		grow(buf, (size_t)n);
		va_start(args, fmt);
		n = vsnprintf(buf->data + buf->len, buf->cap - buf->len, fmt, args);
		va_end(args);
	}
	if (n < 0)
		mem_exhausted();
	buf->len += (size_t)n;
}

char *buf_room(struct buf *buf, size_t len)
{
	grow(buf, len);
	buf->data[buf->len] = '\0';
	return buf->data + buf->len;
}

void buf_filled(struct buf *buf, size_t len)
{
	buf->len += len;
	buf->data[buf->len] = '\0';
}

void buf_reset(struct buf *buf)
{
	buf->len = 0;
	if (buf->data)
		buf->data[0] = '\0';
}

void buf_free(struct buf *buf)
{
	free(buf->data);
	*buf = (struct buf){ 0 };
}

char *buf_steal(struct buf *buf)
{
	char *data = buf->data;

	*buf = (struct buf){ 0 };
	return data ? data : mem_alloc(1);
}
