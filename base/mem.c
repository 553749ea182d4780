#include "config.h"

#include <stdalign.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/bug.h"
#include "base/mem.h"

#define ARENA_CHUNK ((size_t)64 * 1024) /* bytes requested from malloc at once */
#define ARENA_CHUNK_FIRST 1024          /* bytes */
#define SHORT_TEXT 256                  /* bytes: most texts fit, and need no second attempt */

struct chunk {
	struct chunk *next;
	size_t used;
	size_t size;
	alignas(max_align_t) char data[];
};

struct arena {
	struct chunk *chunks; /* the first one is being filled */
};

void mem_exhausted(void)
{
	static const char message[] = "cbuild: out of memory\n";

	/* stdio might allocate. Nothing can be done if this write fails. */
	if (write(STDERR_FILENO, message, sizeof(message) - 1) < 0)
		_exit(70);
	_exit(70);
}

static size_t mem_multiply(size_t a, size_t b)
{
	size_t product;

	if (__builtin_mul_overflow(a, b, &product))
		mem_exhausted();
	return product;
}

void *mem_alloc(size_t size)
{
	void *p = calloc(1, size ? size : 1);

	if (!p)
		mem_exhausted();
	return p;
}

void *mem_malloc(size_t size)
{
	return mem_realloc(NULL, size);
}

void *mem_realloc(void *p, size_t size)
{
	p = realloc(p, size);
	if (!p && size > 0)
		mem_exhausted();
	return p;
}

void *mem_array(size_t count, size_t size)
{
	return mem_alloc(mem_multiply(count, size));
}

void mem_reserve(void *items, size_t *cap, size_t need, size_t size)
{
	size_t bigger = *cap + *cap / 2;
	char *p;

	bug_if(size == 0, "a list of nothing");
	if (need <= *cap)
		return;
	if (bigger < need)
		bigger = need;
	if (bigger < 8)
		bigger = 8;
	/* The caller's pointer may have any type: copy it instead of dereferencing it as another type. */
	memcpy(&p, items, sizeof(p));
	p = mem_realloc(p, mem_multiply(bigger, size));
	memset(p + *cap * size, 0, (bigger - *cap) * size);
	memcpy(items, &p, sizeof(p));
	*cap = bigger;
}

char *mem_strdup(const char *s)
{
	return mem_strndup(s, strlen(s));
}

char *mem_strndup(const char *s, size_t len)
{
	size_t n = strnlen(s, len);
	char *copy = mem_alloc(n + 1);

	memcpy(copy, s, n);
	return copy;
}

char *mem_vprintf(const char *fmt, va_list args)
{
	char text[SHORT_TEXT];
	va_list again;
	char *s;
	int len;

	va_copy(again, args);
	len = vsnprintf(text, sizeof(text), fmt, args);
	if (len < 0)
		mem_exhausted();
	s = mem_alloc((size_t)len + 1);
	if ((size_t)len < sizeof(text))
		memcpy(s, text, (size_t)len);
	else
		vsnprintf(s, (size_t)len + 1, fmt, again);
	va_end(again);
	return s;
}

char *mem_printf(const char *fmt, ...)
{
	va_list args;
	char *s;

	va_start(args, fmt);
	s = mem_vprintf(fmt, args);
	va_end(args);
	return s;
}

void mem_cleanup(void *pointer_to_pointer)
{
	void *p;

	memcpy(&p, pointer_to_pointer, sizeof(p));
	free(p);
}

struct arena *arena_new(void)
{
	return mem_alloc(sizeof(struct arena));
}

void arena_free(struct arena *arena)
{
	struct chunk *next;

	if (!arena)
		return;
	for (struct chunk *c = arena->chunks; c; c = next) {
		next = c->next;
		free(c);
	}
	free(arena);
}

/* Chunks double in size: the newest is the largest. */
void arena_clear(struct arena *arena)
{
	struct chunk *kept = arena->chunks;
	struct chunk *next;

	if (!kept)
		return;
	for (struct chunk *c = kept->next; c; c = next) {
		next = c->next;
		free(c);
	}
	memset(kept->data, 0, kept->used);
	kept->used = 0;
	kept->next = NULL;
}

static struct chunk *chunk_new(size_t size)
{
	struct chunk *c;

	if (size > SIZE_MAX - sizeof(*c))
		mem_exhausted();
	c = mem_alloc(sizeof(*c) + size);
	c->size = size;
	return c;
}

void *arena_alloc(struct arena *arena, size_t size)
{
	const size_t align = alignof(max_align_t);
	struct chunk *c = arena->chunks;
	size_t aligned;
	void *p;

	if (__builtin_add_overflow(size ? size : 1, align - 1, &aligned))
		mem_exhausted();
	aligned &= ~(align - 1);
	if (aligned > ARENA_CHUNK / 4 && c) {
		/* A chunk of its own, placed behind the current one, whose free space stays usable. */
		struct chunk *own = chunk_new(aligned);

		own->used = aligned;
		own->next = c->next;
		c->next = own;
		return own->data;
	}
	if (!c || c->size - c->used < aligned) {
		/* Doubling: a small arena stays cheap, a large one needs few chunks. */
		size_t chunk = !c ? ARENA_CHUNK_FIRST : c->size < ARENA_CHUNK / 2 ? c->size * 2 : ARENA_CHUNK;

		c = chunk_new(aligned > chunk ? aligned : chunk);
		c->next = arena->chunks;
		arena->chunks = c;
	}
	bug_if(c->used > c->size || c->size - c->used < aligned, "a chunk of an arena is too small");
	p = c->data + c->used;
	c->used += aligned;
	return p;
}

void *arena_array(struct arena *arena, size_t count, size_t size)
{
	return arena_alloc(arena, mem_multiply(count, size));
}

char *arena_strdup(struct arena *arena, const char *s)
{
	return s ? arena_strndup(arena, s, strlen(s)) : NULL;
}

char *arena_strndup(struct arena *arena, const char *s, size_t len)
{
	size_t n = strnlen(s, len);
	char *copy = arena_alloc(arena, n + 1);

	memcpy(copy, s, n);
	return copy;
}

char *arena_join(struct arena *arena, const char *first, ...)
{
	size_t len = strlen(first);
	va_list args;
	char *s, *end;

	va_start(args, first);
	for (const char *part; (part = va_arg(args, const char *));)
		len += strlen(part);
	va_end(args);
	s = arena_alloc(arena, len + 1);
	end = stpcpy(s, first);
	va_start(args, first);
	for (const char *part; (part = va_arg(args, const char *));)
		end = stpcpy(end, part);
	va_end(args);
	return s;
}

char *arena_printf(struct arena *arena, const char *fmt, ...)
{
	char text[SHORT_TEXT];
	va_list args;
	char *s;
	int len;

	va_start(args, fmt);
	len = vsnprintf(text, sizeof(text), fmt, args);
	va_end(args);
	if (len < 0)
		mem_exhausted();
	s = arena_alloc(arena, (size_t)len + 1);
	if ((size_t)len < sizeof(text)) {
		memcpy(s, text, (size_t)len);
		return s;
	}
	va_start(args, fmt);
	vsnprintf(s, (size_t)len + 1, fmt, args);
	va_end(args);
	return s;
}
