#ifndef ENGINE_IO_JOBSERVER_H
#define ENGINE_IO_JOBSERVER_H

#include <stdbool.h>
#include <stddef.h>

struct loop;

/*
 * The job slots of the make that runs us (GNU make manual, "Integrating GNU make": POSIX jobserver). One job needs no
 * token: make already counted it for us. Each further one takes a token, a byte, out of make's pipe or fifo and puts
 * the same byte back afterwards.
 */
struct jobserver;

/* `makeflags` is the value of MAKEFLAGS, or NULL. Returns NULL when no make with slots to share runs us. *ret_why
 * (static; may be NULL) says why the slots in MAKEFLAGS are unusable: make passes its pipe only to commands it
 * considers to be makes. */
struct jobserver *jobserver_open(struct loop *loop, const char *makeflags, const char **ret_why);
/* Gives back all tokens. NULL-safe. */
void jobserver_free(struct jobserver *server);

/* Takes a token if one is available. */
bool jobserver_take(struct jobserver *server);
/* Gives tokens back until `keep` are held. */
void jobserver_keep(struct jobserver *server, size_t keep);
size_t jobserver_held(const struct jobserver *server);
/* Calls `fn` once, on the loop's thread, when a token may be available. Further calls before that have no effect. */
void jobserver_wait(struct jobserver *server, void (*fn)(void *arg), void *arg);

#endif
