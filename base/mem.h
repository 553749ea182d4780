#ifndef BASE_MEM_H
#define BASE_MEM_H

#include <stdarg.h>
#include <stddef.h>

/*
 * Memory. Every allocation is zeroed and never NULL: when memory runs out the
 * process says so and ends with status 70 (docs/decisions.md says why this is
 * safe: nothing is done before it is durable).
 */

void *mem_alloc(size_t size);
/* An array of `count` elements of `size` bytes; exits on overflow. */
void *mem_array(size_t count, size_t size);
/* Grows the array `*items` (of `*cap` elements of `size` bytes) so that it holds `need`;
 * new elements are zeroed. The array belongs to the caller; free() it. */
void mem_reserve(void *items, size_t *cap, size_t need, size_t size);
char *mem_strdup(const char *s);
char *mem_strndup(const char *s, size_t len);
__attribute__((format(printf, 1, 2))) char *mem_printf(const char *fmt, ...);
__attribute__((format(printf, 1, 0))) char *mem_vprintf(const char *fmt, va_list args);
/* For libraries that are not up to a NULL: malloc and realloc, not zeroed, that exit. */
void *mem_malloc(size_t size);
void *mem_realloc(void *p, size_t size);
/* Exits as a failed allocation does; for libraries that report it with NULL. */
_Noreturn void mem_exhausted(void);

/* `cleanup_free char *s = NULL;` is freed when it goes out of scope. */
void mem_cleanup(void *pointer_to_pointer);
#define cleanup_free __attribute__((cleanup(mem_cleanup)))
/* Returns the value of `*p` and sets `*p` to NULL: transfers ownership. */
#define steal_ptr(p)                      \
	__extension__({                   \
		__typeof__(p) tmp_ = (p); \
		(p) = NULL;               \
		tmp_;                     \
	})

/* An arena: many small allocations, freed together. Not thread-safe. */
struct arena;
struct arena *arena_new(void);
void arena_free(struct arena *arena);                /* NULL-safe */
void arena_clear(struct arena *arena);               /* frees its allocations but keeps some memory for the next ones */
void *arena_alloc(struct arena *arena, size_t size); /* zeroed, aligned for any type */
void *arena_array(struct arena *arena, size_t count, size_t size);
char *arena_strdup(struct arena *arena, const char *s); /* NULL gives NULL */
char *arena_strndup(struct arena *arena, const char *s, size_t len);
/* Concatenates texts; the list ends with NULL. */
__attribute__((sentinel)) char *arena_join(struct arena *arena, const char *first, ...);
__attribute__((format(printf, 2, 3))) char *arena_printf(struct arena *arena, const char *fmt, ...);

#endif
