#include "config.h"

#include "engine/source/listing.h"

#include <dirent.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/mem.h"

#define BLOCK ((size_t)64 * 1024)

static uint64_t key_of(const char *name, size_t len)
{
	uint64_t key = 0;

	for (size_t i = 0; i < 8; i++)
		key = key << 8 | (i < len ? (unsigned char)name[i] : 0);
	return key;
}

static int listing_compare(const void *a, const void *b)
{
	const struct item *x = a, *y = b;

	if (x->key != y->key)
		return x->key < y->key ? -1 : 1;
	return strcmp(x->name, y->name);
}

static void listing_add(struct listing *listing, const char *name, unsigned char type)
{
	size_t len = strlen(name);
	struct item *item;

	if (name[0] == '.' && (!name[1] || (name[1] == '.' && !name[2])))
		return;
	mem_reserve(&listing->items, &listing->cap, listing->len + 1, sizeof(*listing->items));
	mem_reserve(&listing->names, &listing->names_cap, listing->names_len + len + 1, 1);
	memcpy(listing->names + listing->names_len, name, len + 1);
	item = &listing->items[listing->len++];
	/* the block may still move: store an offset for now */
	*item = (struct item){ key_of(name, len), (const char *)(uintptr_t)listing->names_len, (uint32_t)len, type };
	listing->names_len += len + 1;
}

int listing_read(struct listing *listing, int fd)
{
	ssize_t got;

	listing->len = listing->names_len = 0;
	if (!listing->block)
		listing->block = mem_alloc(BLOCK);
	while ((got = getdents64(fd, listing->block, BLOCK)) > 0) {
		for (ssize_t at = 0; at < got;) {
			const struct dirent64 *entry = (const struct dirent64 *)(const void *)(listing->block + at);

			listing_add(listing, entry->d_name, entry->d_type);
			at += entry->d_reclen;
		}
	}
	if (got < 0)
		return -1;
	for (size_t i = 0; i < listing->len; i++)
		listing->items[i].name = listing->names + (uintptr_t)listing->items[i].name;
	if (listing->len > 1)
		qsort(listing->items, listing->len, sizeof(*listing->items), listing_compare);
	return 0;
}

void listing_free(struct listing *listing)
{
	free(listing->items);
	free(listing->names);
	free(listing->block);
}
