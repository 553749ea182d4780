#include "config.h"

#include <string.h>

#include "base/mem.h"
#include "dsl/manifest.h"
#include "engine/exec/task.h"
#include "engine/oci/layout.h"

/* Annotations of a platform's manifest; published.c has those of indexes. */

int task_annotate(struct task *task, char digest[DIGEST_LEN + 1], struct error **err)
{
	const struct build_spec *build = &plan_manifest(task->env->plan)->services[task->node->service].build;
	cleanup_free struct layout_annotation *list = mem_array(build->annotations_len + 1, sizeof(*list));
	char changed[DIGEST_LEN + 1];
	size_t len = 0;

	for (size_t i = 0; i < build->annotations_len; i++) {
		const struct annotation *one = &build->annotations[i];

		if (annotation_is_for(one, &task->node->platform))
			list[len++] = (struct layout_annotation){ one->key.s, one->value.s };
	}
	if (len == 0)
		return 0;
	if (layout_annotate(task->env->layout, digest, list, len, changed, err) < 0)
		return -1;
	memcpy(digest, changed, sizeof(changed));
	return 0;
}
