#include "config.h"

#include "engine/source/crew.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>

#include "base/mem.h"
#include "base/thread.h"
#include "base/workers.h"

#define ENTRIES_WORTH_THREADS 1500 /* with fewer entries, starting a thread costs more than it saves */
#define TOPS_WORTH_THREADS 24
#define SHARED_MAX 64 /* folders kept open for other threads */

struct member {
	struct crew *crew;
	unsigned number;
	pthread_t id;
};

struct crew {
	pthread_mutex_t lock;
	pthread_cond_t more;
	struct crew_task *tasks;
	size_t len, cap;
	unsigned limit;      /* threads, the caller being the first */
	atomic_uint started; /* changed under the lock */
	unsigned waiting;
	atomic_bool hungry;
	void (*work)(void *data, const struct crew_task *task, unsigned worker);
	void *data;
	struct member members[WORKERS_MAX];
};

struct crew *crew_new(unsigned threads)
{
	struct crew *crew = mem_alloc(sizeof(*crew));

	pthread_mutex_init(&crew->lock, NULL);
	pthread_cond_init(&crew->more, NULL);
	crew->limit = threads < WORKERS_MAX ? threads : WORKERS_MAX;
	crew->started = 1;
	return crew;
}

void crew_free(struct crew *crew)
{
	pthread_mutex_destroy(&crew->lock);
	pthread_cond_destroy(&crew->more);
	free(crew->tasks);
	free(crew);
}

/* Called under the lock. */
static void update(struct crew *crew)
{
	atomic_store_explicit(&crew->hungry, crew->waiting > crew->len && crew->len < SHARED_MAX, memory_order_relaxed);
}

void crew_push(struct crew *crew, const struct crew_task *task)
{
	pthread_mutex_lock(&crew->lock);
	mem_reserve(&crew->tasks, &crew->cap, crew->len + 1, sizeof(*crew->tasks));
	crew->tasks[crew->len++] = *task;
	update(crew);
	if (crew->waiting > 0)
		pthread_cond_signal(&crew->more);
	pthread_mutex_unlock(&crew->lock);
}

bool crew_hungry(struct crew *crew)
{
	return atomic_load_explicit(&crew->hungry, memory_order_relaxed);
}

/* Works until the stack is empty and no other thread could add to it. */
static void crew_serve(struct crew *crew, unsigned number)
{
	pthread_mutex_lock(&crew->lock);
	for (;;) {
		struct crew_task task;

		while (crew->len == 0) {
			crew->waiting++;
			update(crew);
			if (crew->waiting == crew->started) {
				/* the last one: everything is done, and all stay counted as waiting */
				pthread_cond_broadcast(&crew->more);
				pthread_mutex_unlock(&crew->lock);
				return;
			}
			pthread_cond_wait(&crew->more, &crew->lock);
			if (crew->len == 0 && crew->waiting == crew->started) {
				pthread_mutex_unlock(&crew->lock);
				return;
			}
			crew->waiting--;
		}
		task = crew->tasks[--crew->len];
		update(crew);
		pthread_mutex_unlock(&crew->lock);
		crew->work(crew->data, &task, number);
		pthread_mutex_lock(&crew->lock);
	}
}

static void *crew_own_run(void *data)
{
	struct member *member = data;

	crew_serve(member->crew, member->number);
	return NULL;
}

static void crew_start(struct crew *crew)
{
	pthread_mutex_lock(&crew->lock);
	while (crew->started < crew->limit) {
		struct member *member = &crew->members[crew->started];

		*member = (struct member){ .crew = crew, .number = crew->started };
		if (thread_start(&member->id, crew_own_run, member) != 0) {
			crew->limit = crew->started; /* if a thread cannot be started, the others do its work */
			break;
		}
		crew->started++;
	}
	pthread_mutex_unlock(&crew->lock);
}

void crew_note(struct crew *crew, size_t entries)
{
	/* only the caller's own thread starts others, so nobody else sees `started` as 1 */
	if (entries >= ENTRIES_WORTH_THREADS && crew->started == 1 && crew->limit > 1)
		crew_start(crew);
}

void crew_run(struct crew *crew, size_t expected,
	      void (*work)(void *data, const struct crew_task *task, unsigned worker), void *data)
{
	crew->work = work;
	crew->data = data;
	if (expected >= ENTRIES_WORTH_THREADS || crew->len >= TOPS_WORTH_THREADS)
		crew_start(crew);
	crew_serve(crew, 0);
	for (unsigned i = 1; i < crew->started; i++)
		pthread_join(crew->members[i].id, NULL);
}
