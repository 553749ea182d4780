#ifndef BASE_EC_KEY_H
#define BASE_EC_KEY_H

#include <stddef.h>

struct buf;
struct error;

/* Keys for signatures: ECDSA on P-256 with sha256 (libcrypto, loaded on first use). */
struct ec_key;

/* Reads a private key from the PEM text `text`: cosign's own encrypted form (scrypt and NaCl's secretbox), PKCS #8, encrypted or not, or
 * an EC key. `password` may be NULL: there is none. `name` is used in errors: ERROR_USAGE. */
int ec_key_read_private(const struct buf *text, const char *password, const char *name, struct ec_key **ret,
			struct error **err);
/* Reads a public key from a PEM text. */
int ec_key_read_public(const struct buf *text, const char *name, struct ec_key **ret, struct error **err);
void ec_key_free(struct ec_key *key); /* NULL-safe */
void ec_key_cleanup(struct ec_key **key);
#define cleanup_ec_key __attribute__((cleanup(ec_key_cleanup)))

/* Appends the signature over sha256 of the data, in ASN.1's form. */
int ec_key_sign(const struct ec_key *key, const void *data, size_t len, struct buf *ret, struct error **err);
/* 1: the signature is by this key (private or public) and over the data; 0: it is not. */
int ec_key_verify(const struct ec_key *key, const void *data, size_t len, const void *signature, size_t signature_len,
		  struct error **err);

#endif
