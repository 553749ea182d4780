#include "config.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/fs.h"
#include "base/mem.h"
#include "engine/builder/builder.h"
#include "engine/exec/wave.h"

/* A member's job. */
struct entry {
	const struct build_job *job;
	struct build_result result;
	bool done;
};

struct wave {
	struct builder *builder;
	bool keep_going;
	pthread_mutex_t lock;
	pthread_cond_t changed;
	size_t expected; /* members that have neither handed in nor left, and who may add some */
	size_t holders;  /* members, the task, and who may add members */
	struct entry *entries;
	size_t len;
};

/* A batch and the entries that its jobs are of. */
struct round {
	struct wave *wave;
	struct entry **entries;
	struct build_job *jobs;
	size_t len;
	bool progress; /* somebody got a result that is his own */
	bool failed;   /* and somebody a failure that trying again does not help against */
};

struct wave *wave_new(struct builder *builder, size_t max, bool keep_going)
{
	struct wave *wave = mem_alloc(sizeof(*wave));

	*wave = (struct wave){ .builder = builder, .keep_going = keep_going, .expected = 1, .holders = 2 };
	wave->entries = mem_array(max, sizeof(*wave->entries));
	pthread_mutex_init(&wave->lock, NULL);
	pthread_cond_init(&wave->changed, NULL);
	return wave;
}

struct builder *wave_builder(const struct wave *wave)
{
	return wave->builder;
}

void wave_join(struct wave *wave)
{
	pthread_mutex_lock(&wave->lock);
	wave->expected++;
	wave->holders++;
	pthread_mutex_unlock(&wave->lock);
}

static void let_go(struct wave *wave)
{
	bool last;

	pthread_mutex_lock(&wave->lock);
	last = --wave->holders == 0;
	pthread_mutex_unlock(&wave->lock);
	if (!last)
		return;
	pthread_cond_destroy(&wave->changed);
	pthread_mutex_destroy(&wave->lock);
	free(wave->entries);
	free(wave);
}

void wave_free(void *wave)
{
	let_go(wave);
}

void wave_leave(struct wave *wave, bool built)
{
	pthread_mutex_lock(&wave->lock);
	if (!built)
		wave->expected--;
	pthread_cond_broadcast(&wave->changed);
	pthread_mutex_unlock(&wave->lock);
	let_go(wave);
}

void wave_close(struct wave *wave)
{
	wave_leave(wave, false);
}

void wave_build(struct wave *wave, const struct build_job *job, struct build_result *ret)
{
	struct entry *entry;

	pthread_mutex_lock(&wave->lock);
	entry = &wave->entries[wave->len++];
	entry->job = job;
	wave->expected--;
	pthread_cond_broadcast(&wave->changed);
	while (!entry->done)
		pthread_cond_wait(&wave->changed, &wave->lock);
	*ret = entry->result;
	pthread_mutex_unlock(&wave->lock);
}

static void take_result(void *data, size_t job, struct build_result *result)
{
	struct round *round = data;
	struct wave *wave = round->wave;
	struct entry *entry = round->entries[job];

	pthread_mutex_lock(&wave->lock);
	round->progress = round->progress || !result->dropped;
	round->failed = round->failed || (result->error && !result->dropped && !result->error->transient);
	entry->result = *result;
	/* One that was dropped may get another try: it is told when that is known. */
	entry->done = !result->dropped;
	pthread_cond_broadcast(&wave->changed);
	pthread_mutex_unlock(&wave->lock);
	*result = (struct build_result){ 0 };
}

/* A job that is built again gets its folder back as it was: empty. False: it has failed now. */
static bool prepare_again(struct wave *wave, struct entry *entry)
{
	const char *staging = entry->job->staging;
	struct error *error = NULL;
	bool ready = fs_remove_tree(staging, &error) == 0 && fs_mkdirs(staging, 0700, &error) == 0;

	pthread_mutex_lock(&wave->lock);
	error_free(entry->result.error);
	entry->result = (struct build_result){ .error = error };
	entry->done = !ready;
	pthread_cond_broadcast(&wave->changed);
	pthread_mutex_unlock(&wave->lock);
	return ready;
}

/* Builds the members without a result as a batch. */
static void collect(struct round *round)
{
	struct wave *wave = round->wave;

	round->len = 0;
	round->progress = false;
	for (size_t i = 0; i < wave->len; i++) {
		struct entry *entry = &wave->entries[i];

		if (entry->done || (entry->result.dropped && !prepare_again(wave, entry)))
			continue;
		round->entries[round->len] = entry;
		round->jobs[round->len++] = *entry->job;
	}
}

static bool any_dropped(const struct round *round)
{
	for (size_t i = 0; i < round->len; i++)
		if (!round->entries[i]->done)
			return true;
	return false;
}

void wave_work(void *arg)
{
	struct wave *wave = arg;
	struct round round = { .wave = wave };

	pthread_mutex_lock(&wave->lock);
	while (wave->expected > 0)
		pthread_cond_wait(&wave->changed, &wave->lock);
	pthread_mutex_unlock(&wave->lock);
	round.entries = mem_array(wave->len + 1, sizeof(struct entry *));
	round.jobs = mem_array(wave->len + 1, sizeof(*round.jobs));
	collect(&round);
	while (round.len > 0) {
		builder_build(wave->builder, round.jobs, round.len, take_result, &round);
		if (!any_dropped(&round) || !round.progress || (round.failed && !wave->keep_going))
			break;
		collect(&round);
	}
	pthread_mutex_lock(&wave->lock);
	for (size_t i = 0; i < round.len; i++)
		round.entries[i]->done = true;
	pthread_cond_broadcast(&wave->changed);
	pthread_mutex_unlock(&wave->lock);
	free(round.entries);
	free(round.jobs);
}
