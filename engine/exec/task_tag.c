#include "config.h"

#include <ctype.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/mem.h"
#include "base/ref.h"
#include "base/workers.h"
#include "engine/exec/tags_check.h"
#include "engine/exec/tags_others.h"
#include "engine/exec/task.h"
#include "engine/registry/push.h"

/*
 * Sets tags. A registry may have immutable tags, and refuses only when they are written. So the tags that name a
 * release are set first, for all services, beginning with those whose content would change; if one is refused, no
 * other tag has moved.
 */

#define COMMIT_MIN 7 /* characters of an abbreviated commit */

/* The tags of a release that are set before all others. */
struct tags_first {
	pthread_mutex_t lock;
	bool done, failed;
};

struct tags_first *tags_first_new(void)
{
	struct tags_first *first = mem_alloc(sizeof(*first));

	pthread_mutex_init(&first->lock, NULL);
	return first;
}

void tags_first_free(struct tags_first *first)
{
	if (!first)
		return;
	pthread_mutex_destroy(&first->lock);
	free(first);
}

static const char *skip_digits(const char *text)
{
	while (isdigit((unsigned char)*text))
		text++;
	return text;
}

/* True for a tag that names one release or commit and should not move: "1.4.0", "v1.4.0-rc1", "3f2c9d1". */
static bool tag_is_fixed(const char *tag)
{
	const char *number = tag + (*tag == 'v');
	const char *minor = skip_digits(number), *patch;

	if (minor > number && *minor == '.') {
		patch = skip_digits(minor + 1);
		if (patch > minor + 1 && *patch == '.' && isdigit((unsigned char)patch[1]))
			return true;
	}
	return strlen(tag) >= COMMIT_MIN && strspn(tag, "0123456789abcdef") == strlen(tag) &&
	       strpbrk(tag, "abcdef") != NULL;
}

/* A tag to be set. */
struct tag_job {
	const char *reference, *digest;
	bool put;
	struct error *error;
};

struct tag_jobs {
	struct task *task;
	struct tag_job *jobs;
	size_t len, cap;
};

static void tag_jobs_free(struct tag_jobs *jobs)
{
	for (size_t i = 0; i < jobs->len; i++)
		error_free(jobs->jobs[i].error);
	free(jobs->jobs);
}

static int refused_tag(const struct tag_job *job, const char *held, struct error *error, struct error **err)
{
	if (*held && error->cls == ERROR_REGISTRY && !error->transient)
		error_remedy(&error,
			     "%s is %s; if the registry's tags are immutable, choose another tag for this release",
			     job->reference, held);
	return error_move(err, &error);
}

static int tag_put_one(const struct task *task, const struct tag_job *job, struct error **err)
{
	const char *held = tags_held_digest(task->env->held, job->reference);
	struct error *error = NULL;
	struct ref ref = { 0 };
	int r;

	if (!ref_parse(job->reference, &ref, NULL))
		return error_make(err, ERROR_INTERNAL, "%s is not an image reference", job->reference);
	r = push_tag(task->env->registry, task->env->layout, &ref, job->digest, &error);
	ref_free(&ref);
	return r < 0 ? refused_tag(job, held, error, err) : 0;
}

static void put_job(void *data, size_t index, unsigned worker)
{
	struct tag_jobs *jobs = data;
	struct tag_job *job = &jobs->jobs[index];

	(void)worker;
	job->put = tag_put_one(jobs->task, job, &job->error) == 0;
}

enum which { FIXED_AND_HELD, FIXED_AND_NEW, MOVING };

static enum which which_is(const char *reference, const char *held)
{
	if (!tag_is_fixed(strrchr(reference, ':') + 1))
		return MOVING;
	return *held ? FIXED_AND_HELD : FIXED_AND_NEW;
}

/* Tags of that kind that do not have their digest yet. */
static void collect_jobs(struct task *task, size_t number, enum which which, struct tag_jobs *jobs)
{
	const struct node *node = plan_node(task->env->plan, number);
	const char *digest = plan_node(task->env->plan, node->needs[0])->result.digest;

	for (size_t i = 0; node->references[i]; i++) {
		const char *reference = node->references[i];
		const char *held = tags_held_digest(task->env->held, reference);

		if (strcmp(held, digest) == 0 || which_is(reference, held) != which ||
		    tags_others_keep(task->env->others, reference))
			continue;
		mem_reserve(&jobs->jobs, &jobs->cap, jobs->len + 1, sizeof(*jobs->jobs));
		jobs->jobs[jobs->len++] = (struct tag_job){ .reference = reference, .digest = digest };
	}
}

static int put_jobs(struct task *task, struct tag_jobs *jobs, struct error **err)
{
	struct error *first = NULL;

	jobs->task = task;
	workers_run(jobs->len, WORKERS_MAX, put_job, jobs);
	for (size_t i = 0; i < jobs->len; i++) {
		if (jobs->jobs[i].put)
			task_note(task, "%s is %s", jobs->jobs[i].reference, jobs->jobs[i].digest);
		else if (!first)
			error_move(&first, &jobs->jobs[i].error);
	}
	return first ? error_move(err, &first) : 0;
}

/* The tags of that kind of nodes `number` to `end`. */
static int put_tags(struct task *task, size_t number, size_t end, enum which which, struct error **err)
{
	__attribute__((cleanup(tag_jobs_free))) struct tag_jobs jobs = { 0 };

	for (; number < end; number++) {
		if (plan_node(task->env->plan, number)->kind == NODE_TAG)
			collect_jobs(task, number, which, &jobs);
	}
	return put_jobs(task, &jobs, err);
}

static int put_fixed(struct task *task, size_t number, size_t end, struct error **err)
{
	if (put_tags(task, number, end, FIXED_AND_HELD, err) < 0)
		return -1;
	return put_tags(task, number, end, FIXED_AND_NEW, err);
}

/* Whichever tag node runs first sets those of all services: every push is done by then. With -k each sets its own. */
static int put_first(struct task *task, struct error **err)
{
	struct tags_first *first = task->env->tags_first;
	int r = 0;

	if (!first)
		return put_fixed(task, task->number, task->number + 1, err);
	pthread_mutex_lock(&first->lock);
	if (first->failed)
		r = error_make(err, ERROR_REGISTRY, "no tag was moved: a tag of this release was refused");
	else if (!first->done)
		r = put_fixed(task, 0, plan_len(task->env->plan), err);
	first->done = true;
	first->failed = first->failed || r < 0;
	pthread_mutex_unlock(&first->lock);
	return r;
}

static void tell_kept(struct task *task)
{
	for (size_t i = 0; task->node->references[i]; i++) {
		if (tags_others_keep(task->env->others, task->node->references[i]))
			task_tell(task, mem_printf("%s stays as it is: it has platforms that %s has not yet",
						   task->node->references[i], task->node->references[0]));
	}
}

int task_tag(struct task *task, struct error **err)
{
	const char *digest = plan_node(task->env->plan, task->node->needs[0])->result.digest;

	tell_kept(task);
	if (put_first(task, err) < 0 || put_tags(task, task->number, task->number + 1, MOVING, err) < 0)
		return -1;
	task->identity = mem_strdup(digest);
	task->digest = mem_strdup(digest);
	task->place = mem_strdup("registry");
	task->detail = task_references_json(task);
	return 0;
}
