#ifndef BASE_RSA_KEY_H
#define BASE_RSA_KEY_H

#include <stddef.h>

struct buf;
struct error;

/* Decrypts with the private RSA key in `pem` (PKCS #1, not encrypted) what was encrypted by RSAES-PKCS1-v1_5 (RFC 8017, 7.2), and appends it
 * (libcrypto, loaded on first use). ERROR_USAGE says what is wrong with the key or the bytes. */
int rsa_key_decrypt(const char *pem, const void *bytes, size_t len, struct buf *ret, struct error **err);

#endif
