#ifndef BASE_WORKERS_H
#define BASE_WORKERS_H

#include <stddef.h>

/* How many threads are worth starting for `count` pieces of work, when `each` of them take about as long as
 * starting a thread: from 1 up to the number of processors (at most 8). */
unsigned workers_count(size_t count, size_t each);

/* Calls `work` for every index below `count`, on `threads` threads including the caller's. `worker` is below
 * `threads`; data indexed by it belongs to that thread alone. */
void workers_run(size_t count, unsigned threads, void (*work)(void *data, size_t index, unsigned worker), void *data);

#define WORKERS_MAX 8

#endif
