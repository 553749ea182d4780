#include "config.h"

#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/digest.h"
#include "base/error.h"
#include "base/mem.h"
#include "base/xxh3.h"

#define ABC "sha256:ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
#define EMPTY "sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"

static void test_known_hash(void **state)
{
	char hex[HASH_HEX + 1];

	(void)state;
	hash_hex(hash_bytes("", 0), hex);
	assert_string_equal(hex, "99aa06d3014798d86001c324468d497f");
}

/* An anonymous file of `len` bytes, open at its start. */
static int open_bytes(const char *data, size_t len)
{
	char path[] = "/tmp/test-base-XXXXXX";
	int fd = mkostemp(path, O_CLOEXEC);

	assert_true(fd >= 0);
	unlink(path);
	assert_int_equal(write(fd, data, len), (ssize_t)len);
	assert_int_equal(lseek(fd, 0, SEEK_SET), 0);
	return fd;
}

static void test_file_is_hashed_like_bytes(void **state)
{
	static const size_t sizes[] = { 0, 1, 100, 32767, 32768, 32769, 300000, 1 << 20 };
	cleanup_free char *data = mem_alloc(1 << 20);

	(void)state;
	for (size_t i = 0; i < 1 << 20; i++)
		data[i] = (char)(i * 31 >> 3);
	for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
		int fd = open_bytes(data, sizes[i]);
		struct hash128 hash;
		uint64_t size;

		assert_int_equal(hash_fd(fd, "data", &hash, &size, NULL), 0);
		assert_int_equal(size, sizes[i]);
		assert_true(hash_equal(hash, hash_bytes(data, sizes[i])));
		close(fd);
	}
}

/* Holes are zeros: at the beginning, between, at the end. */
static void test_file_with_holes(void **state)
{
	enum { SIZE = 3 << 20 };
	static const struct {
		size_t at, len;
	} parts[][3] = {
		{ { 0, 0 } },
		{ { 0, 100 } },
		{ { SIZE - 5, 5 } },
		{ { 1 << 20, 300000 } },
		{ { 0, 40000 }, { 1 << 20, 4096 }, { 2 << 20, 1 } },
	};
	cleanup_free char *data = mem_alloc(SIZE), *fill = mem_alloc(SIZE);

	(void)state;
	memset(fill, 'x', SIZE);
	for (size_t i = 0; i < sizeof(parts) / sizeof(parts[0]); i++) {
		int fd = open_bytes("", 0);
		struct hash128 hash;
		uint64_t size;

		memset(data, 0, SIZE);
		assert_int_equal(ftruncate(fd, SIZE), 0);
		for (size_t j = 0; j < 3; j++) {
			memset(data + parts[i][j].at, 'x', parts[i][j].len);
			assert_int_equal(pwrite(fd, fill, parts[i][j].len, (off_t)parts[i][j].at),
					 (ssize_t)parts[i][j].len);
		}
		assert_int_equal(hash_fd(fd, "holes", &hash, &size, NULL), 0);
		assert_int_equal(size, SIZE);
		assert_true(hash_equal(hash, hash_bytes(data, SIZE)));
		close(fd);
	}
}

static void test_file_that_cannot_be_read(void **state)
{
	cleanup_error struct error *err = NULL;
	struct hash128 hash;
	int fd = open("/", O_RDONLY | O_CLOEXEC);

	(void)state;
	assert_true(hash_fd(fd, "the root", &hash, NULL, &err) < 0);
	assert_int_equal(err->cls, ERROR_STATE);
	assert_non_null(strstr(err->message, "the root"));
	close(fd);
}

static struct hash128 hash_fields(const char *tag1, const char *a, const char *tag2, const char *b)
{
	cleanup_hasher struct hasher *hasher = hasher_new();

	hasher_text(hasher, tag1, a);
	hasher_text(hasher, tag2, b);
	return hasher_done(hasher);
}

static void test_fields_are_framed(void **state)
{
	struct hash128 base = hash_fields("x", "ab", "y", "c");

	(void)state;
	assert_true(hash_equal(base, hash_fields("x", "ab", "y", "c")));
	assert_false(hash_equal(base, hash_fields("x", "a", "y", "bc")));
	assert_false(hash_equal(base, hash_fields("x", "ab", "z", "c")));
	assert_false(hash_equal(base, hash_fields("y", "ab", "x", "c")));
	assert_false(hash_equal(hash_fields("x", NULL, "y", "c"), hash_fields("x", "", "y", "c")));
}

static void test_framing_is_as_documented(void **state)
{
	static const char bytes[] = "\x03tag\x05\0\0\0\0\0\0\0value";
	cleanup_hasher struct hasher *hasher = hasher_new();
	cleanup_hasher struct hasher *longer = hasher_new();
	char want[1 + 8 + 300 + 8] = "\xff\x2c\x01"; /* 255, then the length */
	char tag[301];

	(void)state;
	hasher_field(hasher, "tag", "value", 5);
	assert_true(hash_equal(hasher_done(hasher), hash_bytes(bytes, sizeof(bytes) - 1)));
	memset(tag, 't', 300);
	tag[300] = '\0';
	hasher_field(longer, tag, NULL, 0);
	memcpy(want + 9, tag, 300);
	assert_true(hash_equal(hasher_done(longer), hash_bytes(want, sizeof(want))));
}

static void test_digest_grammar(void **state)
{
	(void)state;
	assert_true(digest_valid(ABC));
	assert_string_equal(digest_hex(ABC), &ABC[7]);
	assert_int_equal(strlen(ABC), DIGEST_LEN);
	assert_false(digest_valid(NULL));
	assert_false(digest_valid(""));
	assert_false(digest_valid("sha256:"));
	assert_false(digest_valid(ABC "0"));
	assert_false(digest_valid(ABC "\n"));
	assert_false(digest_valid("sha256:../../etc/passwd"));
	assert_false(digest_valid("sha512:ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"));
	assert_false(digest_valid("sha256:BA7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"));
	assert_false(digest_valid("sha256:ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015a"));
}

static void test_digest_of_bytes(void **state)
{
	char digest[DIGEST_LEN + 1];

	(void)state;
	assert_int_equal(digest_bytes("abc", 3, digest, NULL), 0);
	assert_string_equal(digest, ABC);
	assert_int_equal(digest_bytes(NULL, 0, digest, NULL), 0);
	assert_string_equal(digest, EMPTY);
}

static void test_digest_starts_anew(void **state)
{
	cleanup_sha256 struct sha256 *sha = NULL;
	char digest[DIGEST_LEN + 1];

	(void)state;
	assert_int_equal(sha256_new(&sha, NULL), 0);
	for (int i = 0; i < 2; i++) {
		sha256_add(sha, "a", 1);
		sha256_add(sha, "bc", 2);
		sha256_done(sha, digest);
		assert_string_equal(digest, ABC);
	}
	sha256_free(NULL);
}

static void test_digest_of_file(void **state)
{
	cleanup_error struct error *err = NULL;
	char path[] = "/tmp/test-base-XXXXXX";
	char digest[DIGEST_LEN + 1];
	uint64_t size = 0;
	int fd = mkostemp(path, O_CLOEXEC);

	(void)state;
	assert_int_equal(write(fd, "abc", 3), 3);
	close(fd);
	assert_int_equal(digest_file(path, digest, &size, NULL), 0);
	assert_string_equal(digest, ABC);
	assert_int_equal(size, 3);
	unlink(path);
	assert_true(digest_file(path, digest, NULL, &err) < 0);
	assert_int_equal(err->cls, ERROR_STATE);
	assert_non_null(strstr(err->message, path));
}

static void *digest_abc(void *failed)
{
	char digest[DIGEST_LEN + 1];

	for (int i = 0; i < 100; i++) {
		if (digest_bytes("abc", 3, digest, NULL) < 0 || strcmp(digest, ABC) != 0)
			*(bool *)failed = true;
	}
	return NULL;
}

static void test_digest_in_threads(void **state)
{
	pthread_t threads[8];
	bool failed[8] = { false };

	(void)state;
	for (int i = 0; i < 8; i++)
		assert_int_equal(pthread_create(&threads[i], NULL, digest_abc, &failed[i]), 0);
	for (int i = 0; i < 8; i++) {
		pthread_join(threads[i], NULL);
		assert_false(failed[i]);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_digest_in_threads), /* first: they load the library together */
		cmocka_unit_test(test_known_hash),         cmocka_unit_test(test_file_is_hashed_like_bytes),
		cmocka_unit_test(test_file_with_holes),    cmocka_unit_test(test_file_that_cannot_be_read),
		cmocka_unit_test(test_fields_are_framed),  cmocka_unit_test(test_framing_is_as_documented),
		cmocka_unit_test(test_digest_grammar),     cmocka_unit_test(test_digest_of_bytes),
		cmocka_unit_test(test_digest_starts_anew), cmocka_unit_test(test_digest_of_file),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
