#ifndef ENGINE_BUILDKIT_TLS_H
#define ENGINE_BUILDKIT_TLS_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

struct conn_address;
struct error;

/* TLS on an open non-blocking socket (libssl, opened on first use). For conn.c only; one thread at a time. */
struct tls;

/* `host`: the name that the certificate must have. tls_shake does the handshake. ERROR_TOOL, also when a file
 * cannot be used. */
int tls_new(int fd, const struct conn_address *address, const char *host, struct tls **ret, struct error **err);
void tls_free(struct tls *tls); /* NULL-safe; the socket stays open */
/* 1: done; 0: must wait (tls_wants); negative: refused. */
int tls_shake(struct tls *tls, struct error **err);
/* As conn_read and conn_write. */
ssize_t tls_read(struct tls *tls, void *data, size_t len, struct error **err);
ssize_t tls_write(struct tls *tls, const void *data, size_t len, struct error **err);
short tls_wants(const struct tls *tls); /* poll's events */

#endif
