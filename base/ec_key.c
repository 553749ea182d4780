#include "config.h"

#include "base/ec_key.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <openssl/bio.h>
#include <openssl/evp.h>
#include <openssl/pem.h>

#include "base/base64.h"
#include "base/buf.h"
#include "base/error.h"
#include "base/json.h"
#include "base/mem.h"
#include "base/module.h"
#include "base/salsa20.h"

#define SCRYPT_MEMORY_MAX ((uint64_t)512 << 20) /* bytes that a key file may have us take */
#define SCRYPT_ROUNDS_MAX 64                    /* r and p */
#define TAG 16                                  /* bytes of Poly1305 before the text of a secretbox */
#define STREAM_KEY 32                           /* bytes of the key stream that are Poly1305's key */

#define FUNCTIONS(X)               \
	X(BIO_new_mem_buf)         \
	X(BIO_free)                \
	X(PEM_read_bio_PrivateKey) \
	X(PEM_read_bio_PUBKEY)     \
	X(d2i_AutoPrivateKey)      \
	X(EVP_PKEY_get_group_name) \
	X(EVP_PKEY_free)           \
	X(EVP_MD_CTX_new)          \
	X(EVP_MD_CTX_free)         \
	X(EVP_DigestSignInit_ex)   \
	X(EVP_DigestSign)          \
	X(EVP_DigestVerifyInit_ex) \
	X(EVP_DigestVerify)        \
	X(EVP_PBE_scrypt)          \
	X(EVP_Q_mac)               \
	X(OPENSSL_thread_stop)     \
	X(CRYPTO_memcmp)

#define MODULE ec
static struct {
	MODULE_STATE(FUNCTIONS)
} ec = MODULE_INIT;

struct ec_key {
	EVP_PKEY *pkey;
};

static void ec_load(void)
{
	static const struct module_symbol symbols[] = { MODULE_SYMBOLS(FUNCTIONS) };

	module_open(CBUILD_LIBCRYPTO, symbols, &ec.error);
}

static int ec_ready(struct error **err)
{
	pthread_once(&ec.once, ec_load);
	return ec.error ? error_copy(err, ec.error) : 0;
}

void ec_key_free(struct ec_key *key)
{
	if (!key)
		return;
	ec.EVP_PKEY_free(key->pkey);
	free(key);
}

void ec_key_cleanup(struct ec_key **key)
{
	ec_key_free(*key);
}

/* Takes ownership of `pkey`, which may be NULL. */
static int ec_take_key(EVP_PKEY *pkey, const char *name, const char *why, struct ec_key **ret, struct error **err)
{
	char group[32] = "";
	size_t len = 0;

	if (!pkey)
		return error_make(err, ERROR_USAGE, "%s: %s", name, why);
	if (ec.EVP_PKEY_get_group_name(pkey, group, sizeof(group), &len) != 1 || strcmp(group, "prime256v1") != 0) {
		ec.EVP_PKEY_free(pkey);
		return error_make(err, ERROR_USAGE, "%s is not a key of ECDSA on P-256", name);
	}
	*ret = mem_alloc(sizeof(**ret));
	(*ret)->pkey = pkey;
	return 0;
}

int ec_key_read_public(const struct buf *text, const char *name, struct ec_key **ret, struct error **err)
{
	EVP_PKEY *pkey;
	BIO *bio;

	if (ec_ready(err) < 0)
		return -1;
	bio = ec.BIO_new_mem_buf(text->data ? text->data : "", (int)text->len);
	pkey = bio ? ec.PEM_read_bio_PUBKEY(bio, NULL, NULL, NULL) : NULL;
	ec.BIO_free(bio);
	return ec_take_key(pkey, name, "not a public key in PEM", ret, err);
}

/* ---- cosign's form ---- */

static int refuse_key(const char *name, const char *why, struct error **err)
{
	return error_make(err, ERROR_USAGE, "%s: %s", name, why);
}

static int no_password(const char *name, struct error **err)
{
	error_make(err, ERROR_USAGE, "%s is encrypted, and no password is given", name);
	error_remedy(err, "set COSIGN_PASSWORD");
	return -1;
}

/* The bytes between the lines that begin and end it. False when it is not cosign's. */
static bool find_cosign(const struct buf *text, struct buf *ret)
{
	static const char *const kinds[] = { "SIGSTORE", "COSIGN" };
	cleanup_buf struct buf base64 = { 0 };
	const char *begin = NULL, *end;

	for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]) && !begin; i++) {
		cleanup_free char *line = mem_printf("-----BEGIN ENCRYPTED %s PRIVATE KEY-----", kinds[i]);

		begin = text->data ? strstr(text->data, line) : NULL;
		begin = begin ? begin + strlen(line) : NULL;
	}
	end = begin ? strstr(begin, "-----END ") : NULL;
	if (!end)
		return false;
	for (; begin < end; begin++) {
		if (!strchr(" \t\r\n", *begin))
			buf_char(&base64, *begin);
	}
	return base64.data && base64_decode(base64.data, ret);
}

static bool read_bytes(const struct json *json, const char *key, size_t len, struct buf *ret)
{
	const char *text = json_str(json, key);

	return text && base64_decode(text, ret) && (len == 0 || ret->len == len);
}

static int derive(const struct json *kdf, const char *password, const char *name, unsigned char ret[XSALSA20_KEY],
		  struct error **err)
{
	const struct json *params = json_get(kdf, "params");
	int64_t n = json_int(params, "N"), r = json_int(params, "r"), p = json_int(params, "p");
	cleanup_buf struct buf salt = { 0 };
	const char *what = json_str(kdf, "name");

	if (!what || strcmp(what, "scrypt") != 0 || !read_bytes(kdf, "salt", 0, &salt))
		return refuse_key(name, "encrypted in an unknown way", err);
	if (n < 2 || r < 1 || p < 1 || r > SCRYPT_ROUNDS_MAX || p > SCRYPT_ROUNDS_MAX ||
	    (uint64_t)n > SCRYPT_MEMORY_MAX / 128 / (uint64_t)r)
		return refuse_key(name, "its encryption takes more than 512 MiB of memory", err);
	if (ec.EVP_PBE_scrypt(password, strlen(password), (const unsigned char *)salt.data, salt.len, (uint64_t)n,
			      (uint64_t)r, (uint64_t)p, 2 * SCRYPT_MEMORY_MAX, ret, XSALSA20_KEY) != 1)
		return refuse_key(name, "invalid parameters of scrypt", err);
	return 0;
}

/* NaCl's secretbox: Poly1305's tag, then the text. */
static int open_box(const unsigned char key[XSALSA20_KEY], const struct buf *nonce, const struct buf *box,
		    const char *name, struct buf *ret, struct error **err)
{
	const unsigned char *bytes = (const unsigned char *)box->data;
	size_t len = box->len - TAG, got = 0;
	cleanup_free unsigned char *stream = mem_alloc(STREAM_KEY + len);
	unsigned char tag[TAG];

	xsalsa20_stream(key, (const unsigned char *)nonce->data, stream, STREAM_KEY + len);
	if (!ec.EVP_Q_mac(NULL, "POLY1305", NULL, NULL, NULL, stream, STREAM_KEY, bytes + TAG, len, tag, sizeof(tag),
			  &got) ||
	    got != TAG || ec.CRYPTO_memcmp(tag, bytes, TAG) != 0)
		return refuse_key(name, "COSIGN_PASSWORD is not its password", err);
	for (size_t i = 0; i < len; i++)
		stream[STREAM_KEY + i] ^= bytes[TAG + i];
	buf_add(ret, (const char *)stream + STREAM_KEY, len);
	return 0;
}

static int decrypt_cosign(const struct buf *text, const char *password, const char *name, struct buf *ret,
			  struct error **err)
{
	cleanup_buf struct buf nonce = { 0 }, box = { 0 };
	cleanup_json struct json *json = NULL;
	unsigned char key[XSALSA20_KEY];
	const char *cipher;

	if (json_parse(text->data ? text->data : "", text->len, name, &json, NULL) < 0)
		return refuse_key(name, "not a key as cosign writes it", err);
	cipher = json_str(json_get(json, "cipher"), "name");
	if (!cipher || strcmp(cipher, "nacl/secretbox") != 0 ||
	    !read_bytes(json_get(json, "cipher"), "nonce", XSALSA20_NONCE, &nonce) ||
	    !read_bytes(json, "ciphertext", 0, &box) || box.len <= TAG)
		return refuse_key(name, "encrypted in an unknown way", err);
	if (derive(json_get(json, "kdf"), password, name, key, err) < 0)
		return -1;
	return open_box(key, &nonce, &box, name, ret, err);
}

/* ---- private keys ---- */

struct pem_password {
	const char *text; /* or NULL */
	bool asked;
};

static int give_password(char *into, int size, int writing, void *data)
{
	struct pem_password *password = data;
	size_t len = password->text ? strlen(password->text) : 0;

	(void)writing;
	password->asked = true;
	if (!password->text || len > (size_t)size)
		return -1;
	memcpy(into, password->text, len);
	return (int)len;
}

int ec_key_read_private(const struct buf *text, const char *password, const char *name, struct ec_key **ret,
			struct error **err)
{
	struct pem_password given = { .text = password };
	cleanup_buf struct buf encrypted = { 0 }, der = { 0 };
	const unsigned char *at;
	EVP_PKEY *pkey;
	BIO *bio;

	if (ec_ready(err) < 0)
		return -1;
	if (find_cosign(text, &encrypted)) {
		if (!password)
			return no_password(name, err);
		if (decrypt_cosign(&encrypted, password, name, &der, err) < 0)
			return -1;
		at = (const unsigned char *)der.data;
		return ec_take_key(ec.d2i_AutoPrivateKey(NULL, &at, (long)der.len), name, "not a private key", ret, err);
	}
	bio = ec.BIO_new_mem_buf(text->data ? text->data : "", (int)text->len);
	pkey = bio ? ec.PEM_read_bio_PrivateKey(bio, NULL, give_password, &given) : NULL;
	ec.BIO_free(bio);
	if (!pkey && given.asked && !password)
		return no_password(name, err);
	return ec_take_key(pkey, name, given.asked ? "COSIGN_PASSWORD is not its password" : "not a private key in PEM",
			   ret, err);
}

/* ---- signatures ---- */

int ec_key_sign(const struct ec_key *key, const void *data, size_t len, struct buf *ret, struct error **err)
{
	unsigned char signature[128];
	size_t signature_len = sizeof(signature);
	EVP_MD_CTX *context = ec.EVP_MD_CTX_new();
	bool good = context && ec.EVP_DigestSignInit_ex(context, NULL, "SHA256", NULL, NULL, key->pkey, NULL) == 1 &&
		    ec.EVP_DigestSign(context, signature, &signature_len, data, len) == 1;

	ec.EVP_MD_CTX_free(context);
	ec.OPENSSL_thread_stop(); /* frees the generator of random numbers that a thread gets for its first signature */
	if (!good)
		return error_make(err, ERROR_INTERNAL, "libcrypto cannot sign");
	buf_add(ret, (const char *)signature, signature_len);
	return 0;
}

int ec_key_verify(const struct ec_key *key, const void *data, size_t len, const void *signature, size_t signature_len,
		  struct error **err)
{
	EVP_MD_CTX *context = ec.EVP_MD_CTX_new();
	int r = -1;

	if (context && ec.EVP_DigestVerifyInit_ex(context, NULL, "SHA256", NULL, NULL, key->pkey, NULL) == 1)
		r = ec.EVP_DigestVerify(context, signature, signature_len, data, len) == 1;
	ec.EVP_MD_CTX_free(context);
	return r < 0 ? error_make(err, ERROR_INTERNAL, "libcrypto cannot verify") : r;
}
