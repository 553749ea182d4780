#include "config.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <openssl/evp.h>

#include "base/digest.h"
#include "base/error.h"
#include "base/fs.h"
#include "base/mem.h"
#include "base/module.h"

#define PREFIX "sha256:"
#define PREFIX_LEN (sizeof(PREFIX) - 1)
#define READ_BLOCK ((size_t)256 * 1024)

#define FUNCTIONS(X)         \
	X(EVP_MD_CTX_new)    \
	X(EVP_MD_CTX_free)   \
	X(EVP_MD_fetch)      \
	X(EVP_MD_free)       \
	X(EVP_DigestInit_ex) \
	X(EVP_DigestUpdate)  \
	X(EVP_DigestFinal_ex)

#define MODULE crypto
static struct {
	MODULE_STATE(FUNCTIONS)
	EVP_MD *sha256; /* fetched once: looking it up takes longer than hashing a small text */
} crypto = MODULE_INIT;

struct sha256 {
	EVP_MD_CTX *context;
	bool failed;
};

static void digest_load(void)
{
	static const struct module_symbol symbols[] = { MODULE_SYMBOLS(FUNCTIONS) };

	if (module_open(CBUILD_LIBCRYPTO, symbols, &crypto.error) < 0)
		return;
	crypto.sha256 = crypto.EVP_MD_fetch(NULL, "SHA2-256", NULL);
	if (!crypto.sha256)
		error_make(&crypto.error, ERROR_TOOL, "%s has no sha256", CBUILD_LIBCRYPTO);
}

bool digest_valid(const char *digest)
{
	if (!digest || strncmp(digest, PREFIX, PREFIX_LEN) != 0)
		return false;
	return strspn(digest + PREFIX_LEN, "0123456789abcdef") == DIGEST_HEX && digest[DIGEST_LEN] == '\0';
}

const char *digest_hex(const char *digest)
{
	return digest + PREFIX_LEN;
}

static unsigned hex_value(char c)
{
	return (unsigned)(c <= '9' ? c - '0' : c - 'a' + 10);
}

void digest_decode(const char *hex, unsigned char ret[DIGEST_HEX / 2])
{
	for (size_t i = 0; i < DIGEST_HEX / 2; i++)
		ret[i] = (unsigned char)(hex_value(hex[2 * i]) << 4 | hex_value(hex[2 * i + 1]));
}

void digest_encode(const unsigned char bytes[DIGEST_HEX / 2], char ret_hex[DIGEST_HEX + 1])
{
	static const char digits[] = "0123456789abcdef";

	for (size_t i = 0; i < DIGEST_HEX / 2; i++) {
		ret_hex[2 * i] = digits[bytes[i] >> 4];
		ret_hex[2 * i + 1] = digits[bytes[i] & 15];
	}
	ret_hex[DIGEST_HEX] = '\0';
}

static void digest_start(struct sha256 *sha)
{
	sha->failed = crypto.EVP_DigestInit_ex(sha->context, crypto.sha256, NULL) != 1;
}

int sha256_new(struct sha256 **ret, struct error **err)
{
	struct sha256 *sha;

	pthread_once(&crypto.once, digest_load);
	if (crypto.error)
		return error_copy(err, crypto.error);
	sha = mem_alloc(sizeof(*sha));
	sha->context = crypto.EVP_MD_CTX_new();
	if (!sha->context)
		mem_exhausted();
	digest_start(sha);
	*ret = sha;
	return 0;
}

void sha256_free(struct sha256 *sha)
{
	if (!sha)
		return;
	crypto.EVP_MD_CTX_free(sha->context);
	free(sha);
}

void sha256_add(struct sha256 *sha, const void *data, size_t len)
{
	if (len > 0 && crypto.EVP_DigestUpdate(sha->context, data, len) != 1)
		sha->failed = true;
}

void sha256_done(struct sha256 *sha, char ret_digest[DIGEST_LEN + 1])
{
	unsigned char raw[EVP_MAX_MD_SIZE] = { 0 };
	unsigned int len = 0;

	if (crypto.EVP_DigestFinal_ex(sha->context, raw, &len) != 1 || len != DIGEST_HEX / 2)
		sha->failed = true;
	*ret_digest = '\0';
	if (!sha->failed) {
		memcpy(ret_digest, PREFIX, PREFIX_LEN);
		digest_encode(raw, ret_digest + PREFIX_LEN);
	}
	digest_start(sha);
}

static int digest_finish(struct sha256 *sha, const char *name, char ret_digest[DIGEST_LEN + 1], struct error **err)
{
	sha256_done(sha, ret_digest);
	if (!digest_valid(ret_digest))
		return error_make(err, ERROR_INTERNAL, "%s: %s failed to compute a sha256", name, CBUILD_LIBCRYPTO);
	return 0;
}

int digest_bytes(const void *data, size_t len, char ret_digest[DIGEST_LEN + 1], struct error **err)
{
	cleanup_sha256 struct sha256 *sha = NULL;

	if (sha256_new(&sha, err) < 0)
		return -1;
	sha256_add(sha, data, len);
	return digest_finish(sha, "digest", ret_digest, err);
}

int digest_file(const char *path, char ret_digest[DIGEST_LEN + 1], uint64_t *ret_size, struct error **err)
{
	cleanup_sha256 struct sha256 *sha = NULL;
	cleanup_free char *block = NULL;
	cleanup_fd int fd = -1;
	uint64_t size = 0;
	ssize_t n;

	if (sha256_new(&sha, err) < 0)
		return -1;
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return error_errno(err, ERROR_STATE, errno, "%s: cannot open", path);
	block = mem_alloc(READ_BLOCK);
	while ((n = read(fd, block, READ_BLOCK)) != 0) {
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return error_errno(err, ERROR_STATE, errno, "%s: cannot read", path);
		sha256_add(sha, block, (size_t)n);
		size += (uint64_t)n;
	}
	if (digest_finish(sha, path, ret_digest, err) < 0)
		return -1;
	if (ret_size)
		*ret_size = size;
	return 0;
}

void sha256_cleanup(struct sha256 **sha)
{
	sha256_free(*sha);
}

int digest_named(const char *algorithm, const void *data, size_t len, unsigned char ret[DIGEST_BYTES_MAX],
		 size_t *ret_len, struct error **err)
{
	EVP_MD_CTX *context;
	EVP_MD *md;
	unsigned size = 0;
	bool good;

	pthread_once(&crypto.once, digest_load);
	if (crypto.error)
		return error_copy(err, crypto.error);
	md = crypto.EVP_MD_fetch(NULL, algorithm, NULL);
	context = crypto.EVP_MD_CTX_new();
	good = md && context && crypto.EVP_DigestInit_ex(context, md, NULL) &&
	       crypto.EVP_DigestUpdate(context, data, len) && crypto.EVP_DigestFinal_ex(context, ret, &size);
	crypto.EVP_MD_CTX_free(context);
	crypto.EVP_MD_free(md);
	*ret_len = size;
	return good ? 0 : error_make(err, ERROR_TOOL, "%s has no %s", CBUILD_LIBCRYPTO, algorithm);
}
