#include "config.h"

#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/error.h"
#include "base/mem.h"
#include "base/ref.h"
#include "dsl/manifest.h"
#include "engine/exec/published.h"
#include "engine/exec/tags_check.h"
#include "engine/exec/tags_others.h"
#include "engine/exec/task.h"
#include "engine/oci/layout.h"
#include "engine/registry/client.h"

/*
 * The index that is pushed: the images with the annotations of this release. If the same images were published before,
 * it is that index, with the revision of the commit that made it: so its digest changes only when an image does.
 */

struct release_index {
	struct task *task;
	struct layout_member *members;
	size_t len;
	struct published published;
};

/* What others have pushed for further platforms, in the manifest's order: the index is the same whoever pushed first. */
static void add_others(struct release_index *release)
{
	const struct plan *plan = release->task->env->plan;
	const struct build_spec *build = &plan_manifest(plan)->services[release->task->node->service].build;
	size_t others_len;
	const struct tags_other *others = tags_others_of(release->task->env->others, release->task->number, &others_len);

	for (size_t i = 0; i < others_len; i++) {
		size_t at = release->len++;

		for (; at > 0 &&
		       build_place(build, &release->members[at - 1].platform) > build_place(build, &others[i].platform);
		     at--)
			release->members[at] = release->members[at - 1];
		release->members[at] = (struct layout_member){ others[i].digest, others[i].platform,
							       *others[i].attestation ? others[i].attestation : NULL };
	}
}

static void release_index_fill(struct release_index *release)
{
	const struct plan *plan = release->task->env->plan;
	const struct node *index = plan_node(plan, release->task->node->needs[0]);
	size_t others_len;

	tags_others_of(release->task->env->others, release->task->number, &others_len);
	release->members = mem_array(index->needs_len + others_len + 1, sizeof(*release->members));
	for (size_t i = 0; i < index->needs_len; i++) {
		const struct node *need = plan_node(plan, index->needs[i]);

		if (need->kind == NODE_BUILD || need->kind == NODE_CONVERT)
			release->members[release->len++] =
				(struct layout_member){ need->result.digest, need->platform, need->result.attestation };
	}
	add_others(release);
	release->published = (struct published){
		.manifest = plan_manifest(plan),
		.service = &plan_manifest(plan)->services[release->task->node->service],
		.layout = release->task->env->layout,
		.members = release->members,
		.len = release->len,
	};
	release->published.annotations = plan_annotations(plan, &release->published.annotations_len);
}

/* The index under a reference of the release, from the store or the registry. 1, or 0 when it cannot be had. */
static int read_published(struct task *task, const char *reference, const char *held, struct buf *ret)
{
	cleanup_error struct error *error = NULL;
	cleanup_free char *type = NULL;
	char digest[DIGEST_LEN + 1];
	struct ref ref = { 0 };
	int r = 0;

	if (layout_has(task->env->layout, held, UINT64_MAX))
		return layout_read(task->env->layout, held, ret, NULL) == 0;
	if (!ref_parse(reference, &ref, NULL))
		return 0;
	ref.digest = mem_strdup(held);
	r = registry_manifest(task->env->registry, &ref, ret, &type, digest, &error);
	ref_free(&ref);
	if (r < 0) /* a new index will do as well */
		task_note(task, "what %s holds cannot be compared: %s", reference, error->message);
	return r > 0;
}

/* Takes the index `digest`, whose text is given, if it is of these images. 1 or 0. */
static int keep_published(const struct release_index *release, const char *digest, const struct buf *text,
			  char ret_digest[DIGEST_LEN + 1], struct error **err)
{
	int r = published_stays(&release->published, text, err);

	if (r <= 0)
		return r;
	task_note(release->task, "the images are those of %s, which stays", digest);
	return layout_write(release->task->env->layout, text->data, text->len, ret_digest, err) < 0 ? -1 : 1;
}

/* Looks at what the tags hold, then at what was pushed last from here. 1 when it is of these images. */
static int find_published(const struct release_index *release, char ret_digest[DIGEST_LEN + 1], struct error **err)
{
	struct task *task = release->task;
	const char *last = plan_last_pushed(task->env->plan, task->number), *seen = "";

	for (size_t i = 0; task->node->references[i]; i++) {
		const char *held = tags_held_digest(task->env->held, task->node->references[i]);
		cleanup_buf struct buf text = { 0 };
		int r = 0;

		if (*held && strcmp(held, seen) != 0 && read_published(task, task->node->references[i], held, &text))
			r = keep_published(release, held, &text, ret_digest, err);
		if (r != 0)
			return r;
		seen = held;
	}
	if (last && layout_has(task->env->layout, last, UINT64_MAX)) {
		cleanup_buf struct buf text = { 0 };

		if (layout_read(task->env->layout, last, &text, err) < 0)
			return -1;
		return keep_published(release, last, &text, ret_digest, err);
	}
	return 0;
}

static int release_index_write(const struct release_index *release, char ret_digest[DIGEST_LEN + 1], struct error **err)
{
	struct task *task = release->task;
	int r = 0;

	if (release->published.manifest->services[task->node->service].bare && release->len == 1 &&
	    !release->members[0].attestation) {
		memcpy(ret_digest, release->members[0].digest, DIGEST_LEN + 1);
		return 0;
	}
	if (!release->published.manifest->revision_every)
		r = find_published(release, ret_digest, err);
	if (r != 0)
		return r < 0 ? -1 : 0;
	return published_write(&release->published, ret_digest, err);
}

int task_release_index(struct task *task, char ret_digest[DIGEST_LEN + 1], struct error **err)
{
	struct release_index release = { .task = task };
	int r;

	release_index_fill(&release);
	r = release_index_write(&release, ret_digest, err);
	free(release.members);
	return r;
}
