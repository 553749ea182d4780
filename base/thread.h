#ifndef BASE_THREAD_H
#define BASE_THREAD_H

#include <pthread.h>
#include <stddef.h>

/* Stack size in bytes: enough for the deepest recursion (300 folders of 2 KiB each), also with sanitizers. The
 * default depends on the machine: 8 MiB, 128 KiB, or unlimited. */
#define THREAD_STACK ((size_t)4 << 20)

/* pthread_create with a stack of THREAD_STACK bytes: 0, or an error number. */
int thread_start(pthread_t *ret, void *(*work)(void *arg), void *arg);

size_t thread_processors(void); /* of this machine; at least 1 */

/* A mutex per name: threads with different names do not wait for each other. Thread-safe. */
struct keylock;

struct keylock *keylock_new(void);
void keylock_free(struct keylock *lock); /* NULL-safe; nobody holds a name */
void keylock_take(struct keylock *lock, const char *name);
void keylock_give(struct keylock *lock, const char *name);

#endif
