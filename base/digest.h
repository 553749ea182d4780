#ifndef BASE_DIGEST_H
#define BASE_DIGEST_H

#include <stddef.h>
#include <stdint.h>
#include <stdbool.h>

/* sha256 (libcrypto, loaded on first use) and OCI digests, "sha256:" + 64 lower-case hex digits
 * (OCI image-spec, descriptor.md "Digests"; sha256 is the only algorithm accepted). */
#define DIGEST_LEN 71 /* without the NUL */
#define DIGEST_HEX 64
#define DIGEST_BYTES_MAX 64 /* of any algorithm */

struct error;
struct sha256; /* a running computation */

/* True only for a digest of exactly that form (no paths, no upper case). */
bool digest_valid(const char *digest);
const char *digest_hex(const char *digest); /* the part behind "sha256:" of a valid digest */
/* Converts DIGEST_HEX lower-case hex digits to bytes, and back (NUL-terminated). */
void digest_decode(const char *hex, unsigned char ret[DIGEST_HEX / 2]);
void digest_encode(const unsigned char bytes[DIGEST_HEX / 2], char ret_hex[DIGEST_HEX + 1]);

int sha256_new(struct sha256 **ret, struct error **err); /* ERROR_TOOL when libcrypto cannot be loaded */
void sha256_free(struct sha256 *sha);                    /* NULL-safe */
void sha256_add(struct sha256 *sha, const void *data, size_t len);
/* Writes the digest and starts over. If libcrypto failed, the digest is "", which is not a valid digest. */
void sha256_done(struct sha256 *sha, char ret_digest[DIGEST_LEN + 1]);

int digest_bytes(const void *data, size_t len, char ret_digest[DIGEST_LEN + 1], struct error **err);
/* Any algorithm of libcrypto ("SHA1"): for what users ask for, and nothing that cbuild relies on. ERROR_TOOL. */
int digest_named(const char *algorithm, const void *data, size_t len, unsigned char ret[DIGEST_BYTES_MAX],
		 size_t *ret_len, struct error **err);
/* Hashes the whole file at `path`; `ret_size` may be NULL. */
int digest_file(const char *path, char ret_digest[DIGEST_LEN + 1], uint64_t *ret_size, struct error **err);

void sha256_cleanup(struct sha256 **sha);
#define cleanup_sha256 __attribute__((cleanup(sha256_cleanup)))

#endif
