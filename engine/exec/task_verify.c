#include "config.h"

#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/digest.h"
#include "base/error.h"
#include "base/json.h"
#include "base/mem.h"
#include "base/platform.h"
#include "dsl/manifest.h"
#include "engine/exec/task.h"
#include "engine/oci/layout.h"
#include "engine/stack/stack.h"
#include "engine/verify/verify.h"

struct closure {
	struct task *task;
	struct stack_part *items;
	size_t len, cap;
};

static const struct node *host_build(struct task *task, const struct service *service)
{
	for (size_t i = 0; i < task->node->needs_len; i++) {
		const struct node *need = plan_node(task->env->plan, task->node->needs[i]);
		struct platform host;

		platform_host(&host);
		if (need->kind == NODE_BUILD && need->service == service->maker && platform_equal(&need->platform, &host))
			return need;
	}
	return NULL;
}

/* When two services wait for the same one, the stronger condition wins. */
static bool join_known(struct closure *closure, const struct service *other, int condition)
{
	for (size_t i = 0; i < closure->len; i++) {
		if (closure->items[i].service != other)
			continue;
		if (condition > closure->items[i].condition)
			closure->items[i].condition = condition;
		return true;
	}
	return false;
}

/* Dependencies first; each once. depends_on has no cycles: the manifest was checked. */
static void add_dependencies(struct closure *closure, const struct service *service)
{
	const struct manifest *manifest = plan_manifest(closure->task->env->plan);

	for (size_t i = 0; i < service->depends_len; i++) {
		const struct service *other = &manifest->services[service->depends[i].service];
		const struct node *build = host_build(closure->task, other);

		add_dependencies(closure, other);
		if (join_known(closure, other, (int)service->depends[i].condition) || (other->has_build && !build))
			continue;
		mem_reserve(&closure->items, &closure->cap, closure->len + 1, sizeof(*closure->items));
		closure->items[closure->len++] = (struct stack_part){
			.service = other,
			.condition = (int)service->depends[i].condition,
			.identity = build ? build->result.identity : NULL,
			.digest = build ? build->result.digest : NULL,
		};
	}
}

static size_t task_verify_add_members(struct task *task, struct verify_member *members, size_t *ret_host)
{
	const struct service *own = &plan_manifest(task->env->plan)->services[task->node->service];
	struct platform host;
	size_t len = 0;

	platform_host(&host);
	*ret_host = NO_NODE;
	for (size_t i = 0; i < task->node->needs_len; i++) {
		const struct node *need = plan_node(task->env->plan, task->node->needs[i]);

		if (need->kind != NODE_BUILD || need->service != own->maker)
			continue;
		if (platform_equal(&need->platform, &host))
			*ret_host = len;
		members[len++] = (struct verify_member){
			.platform = need->platform,
			.digest = need->result.digest,
			.identity = need->result.identity,
		};
	}
	if (*ret_host == NO_NODE)
		*ret_host = len;
	return len;
}

/* Checks need an index. An image that only runs here has none, so make an untagged one. */
static int find_index(struct task *task, const struct verify_member *members, size_t len, char ret[DIGEST_LEN + 1],
		      struct error **err)
{
	cleanup_free struct layout_member *images = mem_array(len + 1, sizeof(*images));

	for (size_t i = 0; i < task->node->needs_len; i++) {
		const struct node *need = plan_node(task->env->plan, task->node->needs[i]);

		if (need->kind == NODE_INDEX) {
			memcpy(ret, need->result.identity, DIGEST_LEN + 1);
			return 0;
		}
	}
	for (size_t i = 0; i < len; i++)
		images[i] = (struct layout_member){ .digest = members[i].digest, .platform = members[i].platform };
	return layout_write_index(task->env->layout, images, len, NULL, 0, ret, NULL, err);
}

int task_verify(struct task *task, struct error **err)
{
	const struct manifest *manifest = plan_manifest(task->env->plan);
	const struct service *service = &manifest->services[task->node->service];
	cleanup_free struct verify_member *members = mem_array(task->node->needs_len + 1, sizeof(*members));
	struct closure closure = { .task = task };
	cleanup_json struct json *detail = json_new_object();
	cleanup_buf struct buf report = { 0 }, text = { 0 };
	char index[DIGEST_LEN + 1];
	struct verify_job job = {
		.loop = task->env->loop,
		.layout = task->env->layout,
		.runtime = task->env->runtime,
		.manifest = manifest,
		.service = service,
		.only_images = plan_only_images(task->env->plan),
		.reference = plan_references(task->env->plan, task->node->service)[0],
		.members = members,
		.dir = service->verify.dir,
		.staging = task_staging(task, err),
		.output = &task->output,
	};
	int r;

	if (!job.staging)
		return -1;
	job.members_len = task_verify_add_members(task, members, &job.host);
	if (find_index(task, members, job.members_len, index, err) < 0)
		return -1;
	job.index = index;
	add_dependencies(&closure, service);
	job.dependencies = closure.items;
	job.dependencies_len = closure.len;
	r = verify_run(&job, &report, err);
	free(closure.items);
	if (r < 0)
		return -1;
	json_set_str(detail, "report", report.data ? report.data : "");
	json_set_str(detail, "index", job.index);
	json_dump(detail, JSON_CANONICAL, &text);
	task->identity = mem_strdup("passed");
	task->place = mem_strdup("none");
	task->detail = buf_steal(&text);
	return 0;
}
