#ifndef ENGINE_BUILDKIT_CONN_H
#define ENGINE_BUILDKIT_CONN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

struct error;
struct loop;

/*
 * A byte connection to a daemon: a Unix socket, TCP, TCP with TLS (libssl, opened on first use), dockerd's POST /grpc
 * on any of these, or a child whose stdin and stdout are the connection.
 *
 * Only one thread at a time uses a connection; after conn_open it does not block.
 */
struct conn;

struct conn_address {
	const char *url;         /* "unix:///run/d.sock", "tcp://host:port"; with `argv`, only its name in messages */
	const char *const *argv; /* the child, NULL-terminated; argv[0] is looked up in PATH; NULL: none */
	bool tls;                /* on TCP */
	const char *ca, *cert, *key; /* PEM files of TLS, or NULL: the system's authorities, no certificate of our own */
	const char *server_name;     /* that the certificate must have; NULL: the host of the address */
	bool upgrade;                /* begin with HTTP/1.1: POST /grpc with Upgrade: h2c */
};

/* Connects, and completes everything that precedes HTTP/2, within `limit_ms` or until `loop` (may be NULL) is
 * cancelled. ERROR_TOOL that names the address, transient if trying again makes sense; ERROR_USAGE when the address
 * is invalid; ERROR_CANCELLED. */
int conn_open(struct loop *loop, const struct conn_address *address, uint64_t limit_ms, struct conn **ret,
	      struct error **err);
/* From an open stream socket, which it takes over. `name` is used in messages. */
struct conn *conn_take(int fd, const char *name);
/* Closes it, sends a child SIGTERM, and waits for it. NULL-safe. */
void conn_free(struct conn *conn);

const char *conn_name(const struct conn *conn);
int conn_fd(const struct conn *conn); /* to wait for */
/* The poll events to wait for after a call that returned 0. */
short conn_wants(const struct conn *conn);
/* Bytes read or written; 0: none now; negative: the connection is over, for the reason in *err. */
ssize_t conn_read(struct conn *conn, void *data, size_t len, struct error **err);
ssize_t conn_write(struct conn *conn, const void *data, size_t len, struct error **err);

void conn_cleanup(struct conn **conn);
#define cleanup_conn __attribute__((cleanup(conn_cleanup)))

#endif
