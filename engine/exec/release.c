#include "config.h"

#include "engine/exec/release.h"

#include <pthread.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/mem.h"
#include "base/ref.h"
#include "engine/plan/plan.h"
#include "engine/registry/client.h"

#define THREADS 8 /* tags asked about at once */

struct question {
	size_t node;           /* the tag node */
	const char *reference; /* of the plan */
	struct ref ref;
	bool found;
	char digest[DIGEST_LEN + 1];
};

struct inquiry {
	struct registry *registry;
	struct question *questions;
	size_t len, cap, next;
	pthread_mutex_t lock; /* for next and error */
	struct error *error;  /* the first */
};

static void *work(void *data)
{
	struct inquiry *inquiry = data;

	for (;;) {
		struct question *question = NULL;
		struct error *error = NULL;
		int r;

		pthread_mutex_lock(&inquiry->lock);
		if (!inquiry->error && inquiry->next < inquiry->len)
			question = &inquiry->questions[inquiry->next++];
		pthread_mutex_unlock(&inquiry->lock);
		if (!question)
			return NULL;
		r = registry_head(inquiry->registry, &question->ref, true, question->digest, &error);
		question->found = r > 0;
		if (r < 0) {
			pthread_mutex_lock(&inquiry->lock);
			error_move(inquiry->error ? NULL : &inquiry->error, &error);
			pthread_mutex_unlock(&inquiry->lock);
		}
	}
}

/* Logins first, on this thread: helpers are started by it alone. */
static int collect(struct plan *plan, struct inquiry *inquiry, struct error **err)
{
	for (size_t i = 0; i < plan_len(plan); i++) {
		const struct node *node = plan_node(plan, i);
		const char *const *references;

		if (node->kind != NODE_TAG || node->state != NODE_FRESH)
			continue;
		for (references = plan_references(plan, node->service); *references; references++) {
			struct question *question;

			mem_reserve(&inquiry->questions, &inquiry->cap, inquiry->len + 1, sizeof(*question));
			question = &inquiry->questions[inquiry->len++];
			question->node = i;
			question->reference = *references;
			if (!ref_parse(*references, &question->ref, NULL))
				return error_make(err, ERROR_INTERNAL, "%s is no reference", *references);
			if (registry_prepare(inquiry->registry, &question->ref, true, err) < 0)
				return -1;
		}
	}
	return 0;
}

static int ask(struct inquiry *inquiry, struct error **err)
{
	pthread_t threads[THREADS - 1];
	size_t started = 0;

	while (started < THREADS - 1 && started + 1 < inquiry->len &&
	       pthread_create(&threads[started], NULL, work, inquiry) == 0)
		started++;
	work(inquiry);
	for (size_t i = 0; i < started; i++)
		pthread_join(threads[i], NULL);
	return inquiry->error ? error_move(err, &inquiry->error) : 0;
}

static void make_stale(struct node *node, const struct question *question)
{
	node->state = NODE_STALE;
	node_reason(node, REASON_MISSING, question->reference, question->found ? "another image now" : "gone");
}

/* A tag is to be put on content that nobody asked about: pushing finds out whether it is there. */
static void doubt_content(struct plan *plan)
{
	for (size_t i = 0; i < plan_len(plan); i++) {
		const struct node *tag = plan_node(plan, i);
		struct node *push = tag->kind == NODE_TAG ? plan_node(plan, tag->needs[0]) : NULL;

		if (!push || tag->state == NODE_FRESH || push->state != NODE_FRESH)
			continue;
		push->state = NODE_STALE;
		node_reason(push, REASON_MISSING, "its content in the registry", "to be looked for");
	}
}

static void judge(struct plan *plan, const struct inquiry *inquiry)
{
	for (size_t i = 0; i < inquiry->len; i++) {
		const struct question *question = &inquiry->questions[i];
		struct node *tag = plan_node(plan, question->node);

		if (question->found && tag->result.digest && strcmp(question->digest, tag->result.digest) == 0)
			continue;
		make_stale(tag, question);
		make_stale(plan_node(plan, tag->needs[0]), question);
	}
}

int release_check(struct plan *plan, struct registry *registry, struct error **err)
{
	struct inquiry inquiry = { .registry = registry };
	int r;

	pthread_mutex_init(&inquiry.lock, NULL);
	r = collect(plan, &inquiry, err);
	if (r == 0 && inquiry.len > 0)
		r = ask(&inquiry, err);
	if (r == 0)
		judge(plan, &inquiry);
	doubt_content(plan);
	for (size_t i = 0; i < inquiry.len; i++)
		ref_free(&inquiry.questions[i].ref);
	free(inquiry.questions);
	pthread_mutex_destroy(&inquiry.lock);
	return r;
}
