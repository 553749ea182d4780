#ifndef BASE_WORKERS_H
#define BASE_WORKERS_H

#include <stddef.h>

/* The number of threads that are worth having for `count` pieces of work of which `each` fill one thread's
 * start-up time: 1 when it is little, the processors (at most 8) when it is much. */
unsigned workers_count(size_t count, size_t each);

/* Calls `work` for every index below `count`, on `threads` threads of which the caller is one. `worker` is
 * below `threads`: what it indexes belongs to that thread alone. */
void workers_run(size_t count, unsigned threads, void (*work)(void *data, size_t index, unsigned worker), void *data);

#define WORKERS_MAX 8

#endif
