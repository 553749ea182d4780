#ifndef ENGINE_IO_SOCKET_H
#define ENGINE_IO_SOCKET_H

#include <stdbool.h>
#include <stdint.h>

struct buf;
struct error;

/*
 * One small GET over a Unix socket: a run with nothing to do asks dockerd whether the
 * images are still there, and loading libcurl for that would cost more than the question.
 * HTTP/1.0, so that the answer ends where the connection does. Blocks at most `deadline_ms` in all. Appends the body of
 * a 200 to `ret`; everything else is ERROR_TOOL.
 */
#define SOCKET_BODY_MAX (64u << 20) /* bytes */
int socket_get(const char *path, const char *target, uint64_t deadline_ms, struct buf *ret, struct error **err);

/* True when somebody listens there. */
bool socket_listens(const char *path);

#endif
