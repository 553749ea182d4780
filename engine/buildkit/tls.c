#include "config.h"

#include "engine/buildkit/tls.h"

#include <arpa/inet.h>
#include <limits.h>
#include <poll.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include <openssl/err.h>
#include <openssl/ssl.h>

#include "base/authorities.h"
#include "base/error.h"
#include "base/mem.h"
#include "base/module.h"
#include "engine/buildkit/conn.h"

#define FUNCTIONS(X)                          \
	X(TLS_client_method)                  \
	X(SSL_CTX_new)                        \
	X(SSL_CTX_free)                       \
	X(SSL_CTX_ctrl)                       \
	X(SSL_CTX_set_verify)                 \
	X(SSL_CTX_set_default_verify_paths)   \
	X(SSL_CTX_load_verify_locations)      \
	X(SSL_CTX_use_certificate_chain_file) \
	X(SSL_CTX_use_PrivateKey_file)        \
	X(SSL_CTX_set_alpn_protos)            \
	X(SSL_new)                            \
	X(SSL_free)                           \
	X(SSL_ctrl)                           \
	X(SSL_set1_host)                      \
	X(SSL_set_fd)                         \
	X(SSL_connect)                        \
	X(SSL_read)                           \
	X(SSL_write)                          \
	X(SSL_shutdown)                       \
	X(SSL_get_error)                      \
	X(SSL_get_verify_result)              \
	X(ERR_get_error)                      \
	X(ERR_clear_error)                    \
	X(ERR_reason_error_string)            \
	X(X509_verify_cert_error_string)

/* From libcrypto, which libssl loads. */
#define MODULE ssl
static struct {
	MODULE_STATE(FUNCTIONS)
} ssl = MODULE_INIT;

struct tls {
	SSL_CTX *context;
	SSL *ssl;
	const char *name; /* of the address, for messages */
	short wants;
};

static void load_ssl(void)
{
	static const struct module_symbol symbols[] = { MODULE_SYMBOLS(FUNCTIONS) };

	module_open(CBUILD_LIBSSL, symbols, &ssl.error);
}

static const char *reason(void)
{
	const char *text = ssl.ERR_reason_error_string(ssl.ERR_get_error());

	return text ? text : "unknown reason";
}

static int use_files(struct tls *tls, const struct conn_address *address, struct error **err)
{
	const char *ca = address->ca ? address->ca : authorities_file();

	ssl.ERR_clear_error();
	if (ca ? ssl.SSL_CTX_load_verify_locations(tls->context, ca, NULL) != 1
	       : ssl.SSL_CTX_set_default_verify_paths(tls->context) != 1)
		return error_make(err, ERROR_TOOL, "%s: cannot use these authorities: %s", ca ? ca : "the system",
				  reason());
	if (address->cert && ssl.SSL_CTX_use_certificate_chain_file(tls->context, address->cert) != 1)
		return error_make(err, ERROR_TOOL, "%s: cannot use this certificate: %s", address->cert, reason());
	if (address->key && ssl.SSL_CTX_use_PrivateKey_file(tls->context, address->key, SSL_FILETYPE_PEM) != 1)
		return error_make(err, ERROR_TOOL, "%s: cannot use this key: %s", address->key, reason());
	return 0;
}

/* SNI allows only names. */
static bool is_number(const char *host)
{
	unsigned char address[sizeof(struct in6_addr)];

	return inet_pton(AF_INET, host, address) == 1 || inet_pton(AF_INET6, host, address) == 1;
}

int tls_new(int fd, const struct conn_address *address, const char *host, struct tls **ret, struct error **err)
{
	static const unsigned char h2[] = "\x02h2", http1[] = "\x08http/1.1";
	struct tls *tls;

	pthread_once(&ssl.once, load_ssl);
	if (ssl.error)
		return error_copy(err, ssl.error);
	tls = mem_alloc(sizeof(*tls));
	tls->name = address->url;
	tls->context = ssl.SSL_CTX_new(ssl.TLS_client_method());
	if (!tls->context)
		mem_exhausted();
	ssl.SSL_CTX_ctrl(tls->context, SSL_CTRL_SET_MIN_PROTO_VERSION, TLS1_2_VERSION, NULL);
	ssl.SSL_CTX_ctrl(tls->context, SSL_CTRL_MODE,
			 SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER, NULL);
	ssl.SSL_CTX_set_verify(tls->context, SSL_VERIFY_PEER, NULL);
	if (use_files(tls, address, err) < 0) {
		tls_free(tls);
		return -1;
	}
	if (address->upgrade)
		ssl.SSL_CTX_set_alpn_protos(tls->context, http1, sizeof(http1) - 1);
	else
		ssl.SSL_CTX_set_alpn_protos(tls->context, h2, sizeof(h2) - 1);
	tls->ssl = ssl.SSL_new(tls->context);
	if (!tls->ssl)
		mem_exhausted();
	if (!is_number(host))
		ssl.SSL_ctrl(tls->ssl, SSL_CTRL_SET_TLSEXT_HOSTNAME, TLSEXT_NAMETYPE_host_name, (void *)(uintptr_t)host);
	if (ssl.SSL_set1_host(tls->ssl, host) != 1 || ssl.SSL_set_fd(tls->ssl, fd) != 1)
		mem_exhausted();
	*ret = tls;
	return 0;
}

void tls_free(struct tls *tls)
{
	if (!tls)
		return;
	if (tls->ssl) {
		ssl.SSL_shutdown(tls->ssl);
		ssl.SSL_free(tls->ssl);
	}
	ssl.SSL_CTX_free(tls->context);
	free(tls);
}

/* Interprets the result `r` of a call: 0 when it must wait. */
static int outcome(struct tls *tls, int r, struct error **err)
{
	long verified;

	switch (ssl.SSL_get_error(tls->ssl, r)) {
	case SSL_ERROR_WANT_READ:
		tls->wants = POLLIN;
		return 0;
	case SSL_ERROR_WANT_WRITE:
		tls->wants = POLLOUT;
		return 0;
	case SSL_ERROR_ZERO_RETURN:
		return error_make(err, ERROR_TOOL, "%s closed the connection", tls->name);
	case SSL_ERROR_SSL:
		verified = ssl.SSL_get_verify_result(tls->ssl);
		if (verified != X509_V_OK)
			return error_make(err, ERROR_TOOL, "%s: its certificate is not trusted: %s", tls->name,
					  ssl.X509_verify_cert_error_string(verified));
		return error_make(err, ERROR_TOOL, "%s: TLS: %s", tls->name, reason());
	}
	return error_make(err, ERROR_TOOL, "%s: the connection was lost", tls->name);
}

int tls_shake(struct tls *tls, struct error **err)
{
	int r;

	ssl.ERR_clear_error();
	r = ssl.SSL_connect(tls->ssl);
	return r == 1 ? 1 : outcome(tls, r, err);
}

static int bounded(size_t len)
{
	return len < INT_MAX ? (int)len : INT_MAX;
}

ssize_t tls_read(struct tls *tls, void *data, size_t len, struct error **err)
{
	int r;

	ssl.ERR_clear_error();
	r = ssl.SSL_read(tls->ssl, data, bounded(len));
	return r > 0 ? r : outcome(tls, r, err);
}

ssize_t tls_write(struct tls *tls, const void *data, size_t len, struct error **err)
{
	int r;

	ssl.ERR_clear_error();
	r = ssl.SSL_write(tls->ssl, data, bounded(len));
	return r > 0 ? r : outcome(tls, r, err);
}

short tls_wants(const struct tls *tls)
{
	return tls->wants;
}
