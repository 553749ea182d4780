#include "config.h"

#include "base/rsa_key.h"

#include <string.h>

#include <openssl/bio.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/rsa.h>

#include "base/buf.h"
#include "base/error.h"
#include "base/mem.h"
#include "base/module.h"

#define FUNCTIONS(X)                    \
	X(BIO_new_mem_buf)              \
	X(BIO_free)                     \
	X(PEM_read_bio_PrivateKey)      \
	X(EVP_PKEY_free)                \
	X(EVP_PKEY_get_size)            \
	X(EVP_PKEY_CTX_new_from_pkey)   \
	X(EVP_PKEY_CTX_free)            \
	X(EVP_PKEY_CTX_set_rsa_padding) \
	X(EVP_PKEY_decrypt_init)        \
	X(EVP_PKEY_decrypt)

#define MODULE rsa
static struct {
	MODULE_STATE(FUNCTIONS)
} rsa = MODULE_INIT;

static void rsa_load(void)
{
	static const struct module_symbol symbols[] = { MODULE_SYMBOLS(FUNCTIONS) };

	module_open(CBUILD_LIBCRYPTO, symbols, &rsa.error);
}

/* libcrypto would ask at the terminal. */
static int rsa_no_password(char *text, int size, int write, void *data)
{
	(void)text;
	(void)size;
	(void)write;
	(void)data;
	return -1;
}

static int decrypt_with(EVP_PKEY *key, const void *bytes, size_t len, struct buf *ret, struct error **err)
{
	EVP_PKEY_CTX *context = rsa.EVP_PKEY_CTX_new_from_pkey(NULL, key, NULL);
	size_t room = (size_t)rsa.EVP_PKEY_get_size(key);
	cleanup_free unsigned char *out = mem_array(room + 1, 1);
	bool good = context && rsa.EVP_PKEY_decrypt_init(context) == 1 &&
		    rsa.EVP_PKEY_CTX_set_rsa_padding(context, RSA_PKCS1_PADDING) == 1 &&
		    rsa.EVP_PKEY_decrypt(context, out, &room, bytes, len) == 1;

	rsa.EVP_PKEY_CTX_free(context);
	if (!good)
		return error_make(err, ERROR_USAGE, "the bytes were not encrypted for this key");
	buf_add(ret, out, room);
	return 0;
}

int rsa_key_decrypt(const char *pem, const void *bytes, size_t len, struct buf *ret, struct error **err)
{
	EVP_PKEY *key;
	BIO *bio;
	int r;

	pthread_once(&rsa.once, rsa_load);
	if (rsa.error)
		return error_copy(err, rsa.error);
	bio = strstr(pem, "-----BEGIN RSA PRIVATE KEY-----") ? rsa.BIO_new_mem_buf(pem, -1) : NULL;
	key = bio ? rsa.PEM_read_bio_PrivateKey(bio, NULL, rsa_no_password, NULL) : NULL;
	rsa.BIO_free(bio);
	if (!key)
		return error_make(err, ERROR_USAGE,
				  "this is not a private RSA key in PEM (\"BEGIN RSA PRIVATE KEY\") without a password");
	r = decrypt_with(key, bytes, len, ret, err);
	rsa.EVP_PKEY_free(key);
	return r;
}
