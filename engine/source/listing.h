#ifndef ENGINE_SOURCE_LISTING_H
#define ENGINE_SOURCE_LISTING_H

#include <stddef.h>
#include <stdint.h>

/* The names in a folder, sorted by their bytes. Memory is reused from one folder to the next. */

struct item {
	uint64_t key; /* the first eight bytes of the name, so that most comparisons need no string */
	const char *name;
	uint32_t len;
	unsigned char type; /* DT_REG, DT_DIR, ..., or DT_UNKNOWN */
};

struct listing {
	struct item *items;
	size_t len, cap;
	char *names;
	size_t names_len, names_cap;
	char *block; /* the kernel's directory entries */
};

/* Reads the folder open at `fd`. Negative with errno set on failure. */
int listing_read(struct listing *listing, int fd);
void listing_free(struct listing *listing); /* the memory, not the struct */

#endif
