#include "config.h"

#include "base/bug.h"
#include "base/thread.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/mem.h"

int thread_start(pthread_t *ret, void *(*work)(void *arg), void *arg)
{
	pthread_attr_t attr;
	int r = pthread_attr_init(&attr);

	if (r != 0)
		return r;
	r = pthread_attr_setstacksize(&attr, THREAD_STACK);
	if (r == 0)
		r = pthread_create(ret, &attr, work, arg);
	pthread_attr_destroy(&attr);
	return r;
}

struct held {
	struct held *next;
	char *name;
};

struct keylock {
	pthread_mutex_t lock;
	pthread_cond_t given;
	struct held *first;
};

struct keylock *keylock_new(void)
{
	struct keylock *lock = mem_alloc(sizeof(*lock));

	pthread_mutex_init(&lock->lock, NULL);
	pthread_cond_init(&lock->given, NULL);
	return lock;
}

void keylock_free(struct keylock *lock)
{
	if (!lock)
		return;
	pthread_cond_destroy(&lock->given);
	pthread_mutex_destroy(&lock->lock);
	free(lock);
}

static struct held **thread_find(struct keylock *lock, const char *name)
{
	struct held **at = &lock->first;

	while (*at && strcmp((*at)->name, name) != 0)
		at = &(*at)->next;
	return at;
}

void keylock_take(struct keylock *lock, const char *name)
{
	struct held *held = mem_alloc(sizeof(*held)), **at;

	held->name = mem_strdup(name);
	pthread_mutex_lock(&lock->lock);
	for (at = thread_find(lock, name); *at; at = thread_find(lock, name))
		pthread_cond_wait(&lock->given, &lock->lock);
	*at = held;
	pthread_mutex_unlock(&lock->lock);
}

void keylock_give(struct keylock *lock, const char *name)
{
	struct held **at, *held;

	pthread_mutex_lock(&lock->lock);
	at = thread_find(lock, name);
	held = *at;
	bug_if(!held, "the lock of \"%s\" is released, but nobody holds it", name);
	*at = held->next;
	pthread_cond_broadcast(&lock->given);
	pthread_mutex_unlock(&lock->lock);
	free(held->name);
	free(held);
}

size_t thread_processors(void)
{
	long processors = sysconf(_SC_NPROCESSORS_ONLN);

	return processors > 0 ? (size_t)processors : 1;
}
