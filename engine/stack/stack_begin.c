#include "config.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "base/bug.h"
#include "base/error.h"
#include "base/mem.h"
#include "base/thread.h"
#include "dsl/manifest.h"
#include "engine/io/loop.h"
#include "engine/runtime/runtime.h"
#include "engine/stack/findings.h"
#include "engine/stack/stack.h"

enum progress { PART_WAITS, PART_BEGINS, PART_BEGUN, PART_WELL };

struct beginning {
	struct stack *stack;
	const struct stack_begin *how;
	bool in_turn; /* one begins after the other, in the order of the parts */
	pthread_mutex_t lock;
	pthread_cond_t changed;
	enum progress *progress; /* of each part */
};

struct beginner {
	struct beginning *beginning;
	size_t number; /* of the part */
	pthread_t thread;
};

/* Whether what the part depends on is as it wants it. */
static bool is_due(const struct beginning *beginning, size_t number)
{
	const struct stack *stack = beginning->stack;
	const struct service *service = stack->actors[number].part->service;

	for (size_t i = 0; i < service->depends_len; i++) {
		const struct depends *depends = &service->depends[i];
		enum progress wanted = depends->condition == DEPENDS_STARTED ? PART_BEGUN : PART_WELL;

		for (size_t j = 0; j < stack->len; j++) {
			if (stack->actors[j].part->service == &stack->manifest->services[depends->service] &&
			    beginning->progress[j] < wanted)
				return false;
		}
	}
	return true;
}

static bool may_begin(const struct beginning *beginning, size_t number)
{
	if (!is_due(beginning, number))
		return false;
	for (size_t i = 0; beginning->in_turn && i < beginning->stack->len; i++) {
		if (beginning->progress[i] == PART_BEGINS ||
		    (i < number && beginning->progress[i] == PART_WAITS && is_due(beginning, i)))
			return false;
	}
	return true;
}

static void set_progress(struct beginning *beginning, size_t number, enum progress progress, bool good)
{
	pthread_mutex_lock(&beginning->lock);
	if (good)
		beginning->progress[number] = progress;
	else
		atomic_store(&beginning->stack->stopped, true);
	pthread_cond_broadcast(&beginning->changed);
	pthread_mutex_unlock(&beginning->lock);
	if (!good)
		loop_wake(beginning->stack->loop);
}

static void *run_part(void *arg)
{
	struct beginner *beginner = arg;
	struct beginning *beginning = beginner->beginning;
	const struct stack_begin *how = beginning->how;
	struct stack *stack = beginning->stack;
	struct actor *actor = &stack->actors[beginner->number];
	bool good;

	pthread_mutex_lock(&beginning->lock);
	while (!atomic_load(&stack->stopped) && !may_begin(beginning, beginner->number))
		pthread_cond_wait(&beginning->changed, &beginning->lock);
	if (!atomic_load(&stack->stopped))
		beginning->progress[beginner->number] = PART_BEGINS;
	pthread_mutex_unlock(&beginning->lock);
	if (atomic_load(&stack->stopped))
		return NULL;
	good = how->begin(how->data, actor);
	set_progress(beginning, beginner->number, PART_BEGUN, good);
	if (good)
		set_progress(beginning, beginner->number, PART_WELL, how->wait(how->data, actor));
	return NULL;
}

void stack_report(struct stack *stack, const char *what, struct error **error)
{
	if ((*error)->cls == ERROR_CANCELLED && !loop_cancelled(stack->loop))
		error_free(steal_ptr(*error));
	else
		findings_error(stack->findings, what && *what ? what : NULL, error);
}

bool stack_stopped(struct stack *stack, const char *what)
{
	struct error *error = NULL;

	if (!loop_cancelled(stack->loop) && !atomic_load(&stack->stopped))
		return false;
	error_make(&error, ERROR_CANCELLED, "interrupted");
	stack_report(stack, what, &error);
	return true;
}

bool stack_begin(struct stack *stack, const struct stack_begin *how)
{
	cleanup_free enum progress *progress = mem_array(stack->len + 1, sizeof(*progress));
	cleanup_free struct beginner *beginners = mem_array(stack->len + 1, sizeof(*beginners));
	struct beginning beginning = {
		.stack = stack,
		.how = how,
		.in_turn = !runtime_resolves(stack->runtime),
		.lock = PTHREAD_MUTEX_INITIALIZER,
		.changed = PTHREAD_COND_INITIALIZER,
		.progress = progress,
	};
	struct error *error = NULL;
	size_t threads = 0;

	for (; threads < stack->len; threads++) {
		struct beginner *beginner = &beginners[threads];
		int r;

		*beginner = (struct beginner){ .beginning = &beginning, .number = threads };
		r = thread_start(&beginner->thread, run_part, beginner);
		if (r != 0) {
			error_errno(&error, ERROR_STATE, r, "cannot start a thread");
			findings_error(stack->findings, NULL, &error);
			set_progress(&beginning, threads, PART_WAITS, false);
			break;
		}
	}
	for (size_t i = 0; i < threads; i++)
		pthread_join(beginners[i].thread, NULL);
	return !atomic_load(&stack->stopped);
}
