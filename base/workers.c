#include "config.h"

#include "base/workers.h"

#include <stdatomic.h>

#include "base/bug.h"
#include "base/thread.h"

struct pool {
	atomic_size_t next;
	size_t count;
	void (*work)(void *data, size_t index, unsigned worker);
	void *data;
};

struct thread {
	struct pool *pool;
	unsigned number;
	pthread_t id;
};

unsigned workers_count(size_t count, size_t each)
{
	size_t processors = thread_processors();
	size_t threads = each ? count / each : count;

	if (processors > WORKERS_MAX)
		processors = WORKERS_MAX;
	if (threads < 1)
		return 1;
	return threads < processors ? (unsigned)threads : (unsigned)processors;
}

static void *workers_own_run(void *data)
{
	struct thread *thread = data;
	struct pool *pool = thread->pool;
	size_t index;

	while ((index = atomic_fetch_add_explicit(&pool->next, 1, memory_order_relaxed)) < pool->count)
		pool->work(pool->data, index, thread->number);
	return NULL;
}

void workers_run(size_t count, unsigned threads, void (*work)(void *data, size_t index, unsigned worker), void *data)
{
	struct pool pool = { .count = count, .work = work, .data = data };
	struct thread workers[WORKERS_MAX] = { { 0 } };
	unsigned started = 1;

	bug_if(threads == 0 && count > 0, "%zu jobs for no thread", count);
	if (threads > WORKERS_MAX)
		threads = WORKERS_MAX;
	if (threads > count)
		threads = count > 0 ? (unsigned)count : 1;
	for (unsigned i = 0; i < threads; i++)
		workers[i] = (struct thread){ .pool = &pool, .number = i };
	/* if a thread cannot be started, the others do its work */
	while (started < threads && thread_start(&workers[started].id, workers_own_run, &workers[started]) == 0)
		started++;
	workers_own_run(&workers[0]);
	for (unsigned i = 1; i < started; i++)
		pthread_join(workers[i].id, NULL);
}
