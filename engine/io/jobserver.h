#ifndef ENGINE_IO_JOBSERVER_H
#define ENGINE_IO_JOBSERVER_H

#include <stdbool.h>
#include <stddef.h>

struct loop;

/*
 * The job slots of a make that runs us (GNU make manual, "Integrating GNU make": POSIX jobserver). One job needs no
 * slot: it is the one that make gave to us. Each further one takes a token, a byte, out of make's pipe or fifo and
 * puts the same byte back when it is done.
 */
struct jobserver;

/* `makeflags` is the value of MAKEFLAGS, or NULL. NULL: no make with slots to share runs us. *ret_why (static; may be NULL)
 * says why slots that MAKEFLAGS names cannot be had: make gives its pipe only to commands that it takes for makes. */
struct jobserver *jobserver_open(struct loop *loop, const char *makeflags, const char **ret_why);
/* Gives back what is held. NULL-safe. */
void jobserver_free(struct jobserver *server);

/* Takes a token if one is there. */
bool jobserver_take(struct jobserver *server);
/* Gives tokens back until `keep` are held. */
void jobserver_keep(struct jobserver *server, size_t keep);
size_t jobserver_held(const struct jobserver *server);
/* Calls `fn` once, on the loop's thread, when a token may be there. Asking again before that changes nothing. */
void jobserver_wait(struct jobserver *server, void (*fn)(void *arg), void *arg);

#endif
