#include "config.h"

#include "engine/registry/heads.h"

#include <pthread.h>

#include "base/error.h"
#include "engine/registry/client.h"

#define THREADS 8 /* tags asked about at once */

struct inquiry {
	struct registry *registry;
	struct head *heads;
	size_t len, next;
	bool push;
	pthread_mutex_t lock; /* for next and error */
	struct error *error;  /* the first */
};

static void *work(void *data)
{
	struct inquiry *inquiry = data;

	for (;;) {
		struct head *head = NULL;
		struct error *error = NULL;
		int r;

		pthread_mutex_lock(&inquiry->lock);
		if (!inquiry->error && inquiry->next < inquiry->len)
			head = &inquiry->heads[inquiry->next++];
		pthread_mutex_unlock(&inquiry->lock);
		if (!head)
			return NULL;
		r = registry_head(inquiry->registry, &head->ref, inquiry->push, head->digest, &error);
		head->found = r > 0;
		if (r < 0) {
			pthread_mutex_lock(&inquiry->lock);
			error_move(inquiry->error ? NULL : &inquiry->error, &error);
			pthread_mutex_unlock(&inquiry->lock);
		}
	}
}

int heads_ask(struct registry *registry, struct head *heads, size_t len, bool push, struct error **err)
{
	struct inquiry inquiry = { .registry = registry, .heads = heads, .len = len, .push = push };
	pthread_t threads[THREADS - 1];
	size_t started = 0;

	/* Logins first, on this thread: helpers are started by it alone. */
	for (size_t i = 0; i < len; i++) {
		if (registry_prepare(registry, &heads[i].ref, push, err) < 0)
			return -1;
	}
	pthread_mutex_init(&inquiry.lock, NULL);
	while (started < THREADS - 1 && started + 1 < len && pthread_create(&threads[started], NULL, work, &inquiry) == 0)
		started++;
	work(&inquiry);
	for (size_t i = 0; i < started; i++)
		pthread_join(threads[i], NULL);
	pthread_mutex_destroy(&inquiry.lock);
	return inquiry.error ? error_move(err, &inquiry.error) : 0;
}
