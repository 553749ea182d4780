#ifndef BASE_SALSA20_H
#define BASE_SALSA20_H

#include <stddef.h>

/* The stream cipher XSalsa20 (D. J. Bernstein, "Extending the Salsa20 nonce"), which libcrypto does not have: the cipher of NaCl's
 * secretbox, in which cosign keeps private keys. */
#define XSALSA20_KEY 32
#define XSALSA20_NONCE 24

/* Writes the first `len` bytes of the key stream. */
void xsalsa20_stream(const unsigned char key[XSALSA20_KEY], const unsigned char nonce[XSALSA20_NONCE],
		     unsigned char *ret, size_t len);

#endif
