#include "config.h"

#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/error.h"
#include "base/json.h"
#include "base/mem.h"
#include "engine/cache/cache_run.h"
#include "engine/exec/task.h"
#include "engine/oci/layout.h"
#include "engine/runtime/runtime.h"

/* The nodes after builds: the multi-platform index, and the image in the local engine. */

static size_t task_publish_count(const char *const *list)
{
	size_t len = 0;

	while (list[len])
		len++;
	return len;
}

/* `mark` may be NULL. */
static char *task_publish_detail(struct task *task, const char *mark)
{
	const char *const *references = task->node->references;
	cleanup_json struct json *detail = json_new_object();
	struct json *list = json_new_array();
	struct buf text = { 0 };

	for (size_t i = 0; references[i]; i++)
		json_append(list, json_new_string(references[i]));
	json_set(detail, "references", list);
	json_set_str(detail, "mark", mark);
	json_dump(detail, JSON_CANONICAL, &text);
	return buf_steal(&text);
}

char *task_references_json(struct task *task)
{
	return task_publish_detail(task, NULL);
}

/* The index of the images alone, which engines and checks get and which is the identity: attestations differ each
 * time. */
static int write_bare(struct task *task, struct layout_member *members, size_t len, char ret_digest[DIGEST_LEN + 1],
		      struct error **err)
{
	for (size_t i = 0; i < len; i++)
		members[i].attestation = NULL;
	return layout_write_index(task->env->layout, members, len, NULL, 0, ret_digest, NULL, err);
}

int task_index(struct task *task, struct error **err)
{
	const char *const *references = task->node->references;
	cleanup_free struct layout_member *members = mem_array(task->node->needs_len + 1, sizeof(*members));
	char digest[DIGEST_LEN + 1], identity[DIGEST_LEN + 1];
	bool attested = false;
	uint64_t size;
	size_t len = 0;
	bool here = true;

	for (size_t i = 0; i < task->node->needs_len; i++) {
		const struct node *need = plan_node(task->env->plan, task->node->needs[i]);

		if (need->kind != NODE_BUILD && need->kind != NODE_CONVERT)
			continue;
		members[len++] = (struct layout_member){ need->result.digest, need->platform, need->result.attestation };
		attested = attested || need->result.attestation;
		task->size += need->result.size;
		here &= strcmp(need->result.place, CACHE_BY_NAME) != 0;
	}
	if (layout_write_index(task->env->layout, members, len, NULL, 0, digest, &size, err) < 0)
		return -1;
	memcpy(identity, digest, sizeof(identity));
	if (attested && write_bare(task, members, len, identity, err) < 0)
		return -1;
	/* An index of images that are only in the registry is made for the push, but not tagged in the store. */
	if (here && layout_tag(task->env->layout, digest, references, task_publish_count(references), err) < 0)
		return -1;
	task->passing = !here;
	task->identity = mem_strdup(identity);
	task->digest = mem_strdup(digest);
	task->place = mem_strdup("store");
	task->detail = task_references_json(task);
	return 0;
}

/* By the record of its build. */
static bool was_built_there(const struct task *task, const struct result *result)
{
	cleanup_json struct json *detail = NULL;
	const char *engine;

	if (!result->detail || json_parse(result->detail, strlen(result->detail), task->node->id, &detail, NULL) < 0)
		return false;
	engine = json_str(detail, "engine");
	return engine && runtime_is(task->env->runtime, engine);
}

int task_load(struct task *task, struct error **err)
{
	const char *const *references = task->node->references;
	const struct node *build = plan_node(task->env->plan, task->node->needs[0]);
	const struct runtime_image image = { .identity = build->result.identity,
					     .digest = build->result.digest,
					     .built_there = was_built_there(task, &build->result) };
	cleanup_free char *mark = NULL;

	if (runtime_load(task->env->runtime, &image, references, task_publish_count(references), &task->output, &mark,
			 err) < 0)
		return -1;
	task->identity = mem_strdup(build->result.identity);
	task->digest = mem_strdup(build->result.digest);
	task->place = mem_strdup(runtime_place(task->env->runtime));
	task->detail = task_publish_detail(task, mark);
	return 0;
}
