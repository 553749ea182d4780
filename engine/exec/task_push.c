#include "config.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/error.h"
#include "base/json.h"
#include "base/mem.h"
#include "base/ref.h"
#include "base/text.h"
#include "engine/cache/cache_run.h"
#include "engine/exec/tags_others.h"
#include "engine/exec/task.h"
#include "engine/io/loop.h"
#include "engine/registry/copy_image.h"
#include "engine/registry/push.h"
#include "engine/registry/sign.h"

/* Publishing the content of an image by digest. */

#define TELL_MS 100 /* between two progress events */

/* Progress of a push; reported to the loop's thread now and then. */
struct push_meter {
	struct task *task;
	pthread_mutex_t lock;
	int64_t sent;
	uint64_t missing;
	uint64_t told_ms;
};

static void task_push_take_progress(void *data, int64_t sent, uint64_t missing)
{
	struct push_meter *meter = data;
	struct progress progress;
	uint64_t now = loop_now_ms();
	bool tell;

	pthread_mutex_lock(&meter->lock);
	meter->sent += sent;
	meter->missing += missing;
	progress = (struct progress){ .bytes = (uint64_t)meter->sent, .total = meter->missing };
	tell = now - meter->told_ms >= TELL_MS && meter->sent > 0;
	if (tell)
		meter->told_ms = now;
	pthread_mutex_unlock(&meter->lock);
	if (tell)
		task_report(meter->task, &progress);
}

/* True when all of it is in the store, and not only in the registry. */
static bool is_here(struct task *task)
{
	const struct node *index = plan_node(task->env->plan, task->node->needs[0]);
	bool here = true;

	for (size_t i = 0; i < index->needs_len; i++)
		here &= strcmp(plan_node(task->env->plan, index->needs[i])->result.place, CACHE_BY_NAME) != 0;
	return here;
}

/* The same images were pushed to the same repositories last time: only the index's annotations differ. */
static bool moves_only(const struct node *node)
{
	bool only = node->reasons_len > 0;

	for (size_t i = 0; i < node->reasons_len; i++)
		only &= node->reasons[i].kind == REASON_OPTION &&
			strncmp(node->reasons[i].what, "annotation ", strlen("annotation ")) == 0;
	return only;
}

static void note_result(struct task *task, const char *repository, const struct push_result *result)
{
	cleanup_buf struct buf size = { 0 };

	text_size(&size, result->bytes);
	task_note(task, "%s: %zu blobs sent (%s), %zu mounted from another repository, %zu already there", repository,
		  result->sent, size.data, result->mounted, result->there);
}

static int push_to(struct task *task, const char *repository, const char *digest, struct push_meter *meter,
		   struct push_result *total, struct error **err)
{
	struct ref where = { 0 };
	struct push_result result;
	const struct push push = {
		.registry = task->env->registry,
		.layout = task->env->layout,
		.where = &where,
		.digest = digest,
		.again = moves_only(task->node),
		.progress = task_push_take_progress,
		.data = meter,
	};
	int r;

	if (!ref_parse(repository, &where, NULL))
		return error_make(err, ERROR_INTERNAL, "%s is not a repository", repository);
	r = push_content(&push, &result, err);
	ref_free(&where);
	if (r < 0)
		return -1;
	note_result(task, repository, &result);
	total->bytes += result.bytes;
	total->sent += result.sent;
	total->mounted += result.mounted;
	total->there += result.there;
	return 0;
}

/* Images that others have pushed are in the first repository: copies them to a further one. */
static int bring_others(struct task *task, const char *repository, struct error **err)
{
	struct ref from = { 0 }, to = { 0 };
	struct copy_image copy = { .registry = task->env->registry, .from = &from, .to = &to };
	size_t len;
	const struct tags_other *others = tags_others_of(task->env->others, task->number, &len);
	int r = 1;

	if (len == 0 || repository == task->node->repositories[0])
		return 0;
	ref_parse(task->node->repositories[0], &from, NULL);
	ref_parse(repository, &to, NULL);
	for (size_t i = 0; i < len && r > 0; i++) {
		r = copy_image(&copy, others[i].digest, err);
		if (r > 0 && *others[i].attestation)
			r = copy_image(&copy, others[i].attestation, err);
	}
	if (r == 0)
		r = error_make(err, ERROR_REGISTRY, "%s lacks an image that its tag needs", task->node->repositories[0]);
	ref_free(&from);
	ref_free(&to);
	return r < 0 ? -1 : 0;
}

/* Signs the index, or the only image, and its images, where they are now. */
static int sign_pushed(struct task *task, const char *repository, const char *digest, struct error **err)
{
	const struct node *index = plan_node(task->env->plan, task->node->needs[0]);
	struct ref where = { 0 };
	int r;

	if (!task->env->signer)
		return 0;
	ref_parse(repository, &where, NULL);
	r = sign_digest(task->env->registry, &where, digest, task->env->signer, err);
	if (r > 0)
		task_note(task, "%s@%s signed", repository, digest);
	for (size_t i = 0; i < index->needs_len && r >= 0; i++) {
		const struct node *need = plan_node(task->env->plan, index->needs[i]);

		if ((need->kind == NODE_BUILD || need->kind == NODE_CONVERT) && strcmp(need->result.digest, digest) != 0)
			r = sign_digest(task->env->registry, &where, need->result.digest, task->env->signer, err);
	}
	ref_free(&where);
	return r < 0 ? -1 : 0;
}

static char *result_json(struct task *task, const struct push_result *total)
{
	const char *const *repositories = task->node->repositories;
	cleanup_json struct json *detail = json_new_object();
	struct json *list = json_new_array();
	struct buf text = { 0 };

	for (; *repositories; repositories++)
		json_append(list, json_new_string(*repositories));
	json_set(detail, "repositories", list);
	json_set_int(detail, "bytes", (int64_t)total->bytes);
	json_set_int(detail, "sent", (int64_t)total->sent);
	json_set_int(detail, "mounted", (int64_t)total->mounted);
	json_set_int(detail, "there", (int64_t)total->there);
	json_dump(detail, JSON_CANONICAL, &text);
	return buf_steal(&text);
}

int task_push(struct task *task, struct error **err)
{
	const char *const *repositories = task->node->repositories;
	struct push_meter meter = { .task = task };
	struct push_result total = { 0 };
	char digest[DIGEST_LEN + 1];
	size_t others_len;
	int r = task_release_index(task, digest, err);

	pthread_mutex_init(&meter.lock, NULL);
	for (; r == 0 && *repositories; repositories++) {
		r = bring_others(task, *repositories, err);
		if (r == 0)
			r = push_to(task, *repositories, digest, &meter, &total, err);
		if (r == 0)
			r = sign_pushed(task, *repositories, digest, err);
	}
	/* What others have made is for this run alone: the next one asks again. */
	tags_others_of(task->env->others, task->number, &others_len);
	task->passing = others_len > 0;
	pthread_mutex_destroy(&meter.lock);
	if (r < 0)
		return -1;
	task->identity = mem_strdup(digest);
	task->digest = mem_strdup(digest);
	task->place = mem_strdup(is_here(task) ? "store" : CACHE_BY_NAME);
	task->detail = result_json(task, &total);
	task->size = total.bytes;
	return 0;
}
