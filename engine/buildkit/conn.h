#ifndef ENGINE_BUILDKIT_CONN_H
#define ENGINE_BUILDKIT_CONN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

struct error;
struct loop;

/*
 * The bytes of a connection to a daemon, whichever way it is reached: a Unix socket, TCP, TCP with TLS (libssl, opened on first
 * use), dockerd's POST /grpc on any of these, or a child whose stdin and stdout are the connection.
 *
 * A connection belongs to one thread at a time; after conn_open it does not block.
 */
struct conn;

struct conn_address {
	const char *url; /* "unix:///run/d.sock", "tcp://host:port"; with `argv` only what it is called in messages */
	const char *const *argv;     /* the child, NULL-terminated; argv[0] is looked up in PATH; NULL: none */
	bool tls;                    /* on TCP */
	const char *ca, *cert, *key; /* PEM files of TLS, or NULL: the system's authorities, no certificate of our own */
	const char *server_name;     /* that the certificate must have; NULL: the host of the address */
	bool upgrade;                /* what answers speaks HTTP/1.1 first: POST /grpc with Upgrade: h2c */
};

/* Connects, and waits for all that comes before HTTP/2: at most `limit_ms`, or until `loop` (may be NULL) is cancelled. ERROR_TOOL
 * that names the address, transient where trying again makes sense; ERROR_USAGE when the address is no such thing;
 * ERROR_CANCELLED. */
int conn_open(struct loop *loop, const struct conn_address *address, uint64_t limit_ms, struct conn **ret,
	      struct error **err);
/* Of an open stream socket, which it takes over. `name` is for messages. */
struct conn *conn_take(int fd, const char *name);
/* Closes it; a child gets SIGTERM then, and is waited for. NULL-safe. */
void conn_free(struct conn *conn);

const char *conn_name(const struct conn *conn);
int conn_fd(const struct conn *conn); /* to wait at */
/* What a call that returned 0 waits for: poll's events. */
short conn_wants(const struct conn *conn);
/* Bytes read or written; 0: none now; negative: the connection is over, and *err says how. */
ssize_t conn_read(struct conn *conn, void *data, size_t len, struct error **err);
ssize_t conn_write(struct conn *conn, const void *data, size_t len, struct error **err);

void conn_cleanup(struct conn **conn);
#define cleanup_conn __attribute__((cleanup(conn_cleanup)))

#endif
