#ifndef BASE_XXH3_H
#define BASE_XXH3_H

#include <stddef.h>
#include <stdint.h>
#include <stdbool.h>

/* XXH3-128 (xxhash), for keys and content that never leave this machine. */
struct hash128 {
	uint64_t lo, hi;
};
#define HASH_HEX 32 /* characters of the hexadecimal form, without the NUL */

struct hash128 hash_bytes(const void *data, size_t len);
bool hash_equal(struct hash128 a, struct hash128 b);
void hash_hex(struct hash128 hash, char out[HASH_HEX + 1]); /* lower case, canonical (big endian) order */
/* Hashes an open file from its current position to its end, streaming. `ret_size` (may be NULL) is the number of
 * bytes read. ERROR_STATE with `name` in the message when reading fails. */
struct error;
int hash_fd(int fd, const char *name, struct hash128 *ret, uint64_t *ret_size, struct error **err);

/* A streaming hash of a sequence of fields. Each field is framed as tag length (1 byte; from 255 on: 255 and 8
 * bytes), tag, value length (8 bytes, little endian), value: no two different sequences produce the same bytes. A
 * NULL text has the length 2^64 - 1. */
struct hasher;
struct hasher *hasher_new(void);
void hasher_free(struct hasher *hasher); /* NULL-safe */
void hasher_field(struct hasher *hasher, const char *tag, const void *value, size_t len);
void hasher_text(struct hasher *hasher, const char *tag, const char *value); /* NULL differs from "" */
/* Adds bytes without a frame: a hasher that gets nothing else returns what hash_bytes returns for all of them. */
void hasher_add(struct hasher *hasher, const void *data, size_t len);
/* A fingerprint of a file's stat data (size, inode, times), to notice changes without reading it. A missing file
 * (or `path` NULL) differs from any existing one. */
void hasher_file(struct hasher *hasher, const char *path);
struct hash128 hasher_done(const struct hasher *hasher);

void hasher_cleanup(struct hasher **hasher);
#define cleanup_hasher __attribute__((cleanup(hasher_cleanup)))

#endif
