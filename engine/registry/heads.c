#include "config.h"

#include "engine/registry/heads.h"

#include <pthread.h>

#include "base/error.h"
#include "base/workers.h"
#include "engine/registry/client.h"

struct inquiry {
	struct registry *registry;
	struct head *heads;
	bool push;
	pthread_mutex_t lock; /* for error */
	struct error *error;  /* the first */
};

static bool heads_has_failed(struct inquiry *inquiry)
{
	bool failed;

	pthread_mutex_lock(&inquiry->lock);
	failed = inquiry->error != NULL;
	pthread_mutex_unlock(&inquiry->lock);
	return failed;
}

static void heads_own_ask(void *data, size_t index, unsigned worker)
{
	struct inquiry *inquiry = data;
	struct head *head = &inquiry->heads[index];
	struct error *error = NULL;
	int r;

	(void)worker;
	if (heads_has_failed(inquiry))
		return;
	r = registry_head(inquiry->registry, &head->ref, inquiry->push, head->digest, &error);
	head->found = r > 0;
	if (r >= 0)
		return;
	pthread_mutex_lock(&inquiry->lock);
	error_move(inquiry->error ? NULL : &inquiry->error, &error);
	pthread_mutex_unlock(&inquiry->lock);
}

int heads_ask(struct registry *registry, struct head *heads, size_t len, bool push, struct error **err)
{
	struct inquiry inquiry = { .registry = registry, .heads = heads, .push = push };

	/* Logins first: only this thread may start credential helpers. */
	for (size_t i = 0; i < len; i++) {
		if (registry_prepare(registry, &heads[i].ref, err) < 0)
			return -1;
	}
	pthread_mutex_init(&inquiry.lock, NULL);
	workers_run(len, WORKERS_MAX, heads_own_ask, &inquiry);
	pthread_mutex_destroy(&inquiry.lock);
	return inquiry.error ? error_move(err, &inquiry.error) : 0;
}
