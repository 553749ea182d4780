#include "config.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define XXH_INLINE_ALL
#include <xxhash.h>

#include "base/error.h"
#include "base/mem.h"
#include "base/xxh3.h"

#define FIRST_BLOCK ((size_t)32 * 1024) /* on the stack: most files of a context are smaller */
#define LARGE_BLOCK ((size_t)256 * 1024)
#define LENGTH_NULL UINT64_MAX /* the length of a field whose value is NULL */

struct hasher {
	void *memory; /* as allocated: xxhash needs its state aligned to 64 bytes */
	XXH3_state_t state;
};

static struct hash128 from_xxh(XXH128_hash_t h)
{
	return (struct hash128){ .lo = h.low64, .hi = h.high64 };
}

struct hash128 hash_bytes(const void *data, size_t len)
{
	return from_xxh(XXH3_128bits(data, len));
}

bool hash_equal(struct hash128 a, struct hash128 b)
{
	return a.lo == b.lo && a.hi == b.hi;
}

static void half_hex(uint64_t half, char *out)
{
	for (int i = 0; i < HASH_HEX / 2; i++)
		out[i] = "0123456789abcdef"[half >> (60 - 4 * i) & 15];
}

void hash_hex(struct hash128 hash, char out[HASH_HEX + 1])
{
	half_hex(hash.hi, out);
	half_hex(hash.lo, out + HASH_HEX / 2);
	out[HASH_HEX] = '\0';
}

/* Reads until `size` bytes have arrived or the file ends; returns their number, or -1. */
static ssize_t xxh3_read_block(int fd, char *block, size_t size)
{
	size_t have = 0;

	while (have < size) {
		ssize_t n = read(fd, block + have, size - have);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -1;
		if (n == 0)
			break;
		have += (size_t)n;
	}
	return (ssize_t)have;
}

/* True when the file has holes, as far as the file system tells. */
static bool is_sparse(int fd)
{
#ifdef SEEK_DATA
	struct stat st;

	return fstat(fd, &st) == 0 && S_ISREG(st.st_mode) && st.st_blocks < st.st_size / 512;
#else
	(void)fd;
	return false;
#endif
}

/* Seeks to the next data and hashes the hole before it as zeros. */
static uint64_t pass_hole(int fd)
{
#ifdef SEEK_DATA
	off_t at = lseek(fd, 0, SEEK_CUR), data = lseek(fd, at, SEEK_DATA);

	if (data < 0 && errno == ENXIO)
		data = lseek(fd, 0, SEEK_END);
	if (data >= at)
		return (uint64_t)(data - at);
	lseek(fd, at, SEEK_SET);
#else
	(void)fd;
#endif
	return 0;
}

static void hash_zeros(XXH3_state_t *state, char *block, uint64_t len)
{
	memset(block, 0, LARGE_BLOCK);
	for (; len > LARGE_BLOCK; len -= LARGE_BLOCK)
		XXH3_128bits_update(state, block, LARGE_BLOCK);
	XXH3_128bits_update(state, block, (size_t)len);
}

/* Hashes the rest of a file larger than the first block. */
static int hash_rest(int fd, const char *name, XXH3_state_t *state, uint64_t *size, struct error **err)
{
	cleanup_free char *block = mem_alloc(LARGE_BLOCK);
	bool sparse = is_sparse(fd);

#ifdef POSIX_FADV_SEQUENTIAL
	posix_fadvise(fd, 0, 0, POSIX_FADV_SEQUENTIAL);
#endif
	for (;;) {
		uint64_t hole = sparse ? pass_hole(fd) : 0;
		ssize_t n;

		if (hole > 0)
			hash_zeros(state, block, hole);
		*size += hole;
		n = read(fd, block, LARGE_BLOCK);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return error_errno(err, ERROR_STATE, errno, "%s: cannot read", name);
		if (n == 0)
			return 0;
		XXH3_128bits_update(state, block, (size_t)n);
		*size += (uint64_t)n;
	}
}

int hash_fd(int fd, const char *name, struct hash128 *ret, uint64_t *ret_size, struct error **err)
{
	char block[FIRST_BLOCK];
	ssize_t n = xxh3_read_block(fd, block, sizeof(block));
	uint64_t size;

	if (n < 0)
		return error_errno(err, ERROR_STATE, errno, "%s: cannot read", name);
	size = (uint64_t)n;
	if (size < sizeof(block)) {
		*ret = hash_bytes(block, (size_t)n);
	} else {
		XXH3_state_t state;

		XXH3_128bits_reset(&state);
		XXH3_128bits_update(&state, block, (size_t)n);
		if (hash_rest(fd, name, &state, &size, err) < 0)
			return -1;
		*ret = from_xxh(XXH3_128bits_digest(&state));
	}
	if (ret_size)
		*ret_size = size;
	return 0;
}

struct hasher *hasher_new(void)
{
	const size_t align = _Alignof(struct hasher);
	char *memory = mem_alloc(sizeof(struct hasher) + align);
	struct hasher *hasher = (void *)(((uintptr_t)memory + align - 1) / align * align);

	hasher->memory = memory;
	XXH3_128bits_reset(&hasher->state);
	return hasher;
}

void hasher_free(struct hasher *hasher)
{
	if (hasher)
		free(hasher->memory);
}

static void add_length(struct hasher *hasher, uint64_t len)
{
	unsigned char bytes[8];

	for (int i = 0; i < 8; i++)
		bytes[i] = (unsigned char)(len >> (8 * i));
	XXH3_128bits_update(&hasher->state, bytes, sizeof(bytes));
}

/* The tag's length is one byte; 255 announces a longer length, so that no tag is cut. */
static void xxh3_add_tag(struct hasher *hasher, const char *tag)
{
	size_t len = strlen(tag);
	unsigned char byte = len < 255 ? (unsigned char)len : 255;

	XXH3_128bits_update(&hasher->state, &byte, 1);
	if (byte == 255)
		add_length(hasher, len);
	XXH3_128bits_update(&hasher->state, tag, len);
}

void hasher_field(struct hasher *hasher, const char *tag, const void *value, size_t len)
{
	xxh3_add_tag(hasher, tag);
	add_length(hasher, len);
	if (len > 0)
		XXH3_128bits_update(&hasher->state, value, len);
}

void hasher_add(struct hasher *hasher, const void *data, size_t len)
{
	XXH3_128bits_update(&hasher->state, data, len);
}

void hasher_text(struct hasher *hasher, const char *tag, const char *value)
{
	if (value) {
		hasher_field(hasher, tag, value, strlen(value));
		return;
	}
	xxh3_add_tag(hasher, tag);
	add_length(hasher, LENGTH_NULL);
}

void hasher_file(struct hasher *hasher, const char *path)
{
	struct stat st;
	int64_t seen[6] = { 0 };

	if (path && stat(path, &st) == 0) {
		seen[0] = st.st_size;
		seen[1] = (int64_t)st.st_ino;
		seen[2] = st.st_mtim.tv_sec;
		seen[3] = st.st_mtim.tv_nsec;
		seen[4] = st.st_ctim.tv_sec;
		seen[5] = st.st_ctim.tv_nsec;
	}
	hasher_text(hasher, "path", path);
	hasher_field(hasher, "stat", seen, sizeof(seen));
}

struct hash128 hasher_done(const struct hasher *hasher)
{
	return from_xxh(XXH3_128bits_digest(&hasher->state));
}

void hasher_cleanup(struct hasher **hasher)
{
	hasher_free(*hasher);
}
