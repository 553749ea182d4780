#include "config.h"

#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/fs.h"
#include "base/mem.h"
#include "base/ref.h"
#include "dsl/manifest.h"
#include "engine/plan/inputs.h"
#include "engine/plan/plan_internal.h"
#include "engine/source/context.h"

/* Keys that leave the machine. */

/* A tag may mean another image elsewhere, and a URL another file; only digests are the same everywhere. */
static char *unlocked(const struct plan_build *build)
{
	for (size_t i = 0; i < build->images_len; i++) {
		const struct plan_image *image = &build->images[i];
		struct ref ref = { 0 };
		bool good = image->node != NO_NODE || image->digest;

		good = good || (ref_parse(image->reference, &ref, NULL) && ref.digest);
		good = good && (image->node != NO_NODE || image->onbuild || image->mention->use != IMAGE_FROM);
		ref_free(&ref);
		if (!good)
			return mem_printf("its base %s is not locked: cbuild lock", image->reference);
	}
	for (size_t i = 0; i < build->urls_len; i++)
		if (!build->urls[i].pinned && !build->urls[i].pin)
			return mem_printf("%s is not locked: cbuild lock", build->urls[i].shown);
	return NULL;
}

/* A folder made by a step has no hashed content of its own. */
static char *folder_output(const struct plan *plan, const struct plan_build *build)
{
	for (size_t i = 0; i < build->outputs_len; i++) {
		cleanup_free char *path = path_join(plan->manifest->dir, build->outputs[i].path);

		if (fs_is_dir(path))
			return mem_printf("%s is a folder that a `prepare` step makes", build->outputs[i].path);
	}
	return NULL;
}

/* The files may have been written to while they were read for the key. */
static char *changed_file(const struct plan *plan, const struct plan_build *build)
{
	for (size_t i = 0; i < build->contexts_len; i++) {
		cleanup_free char *changed = source_changed(plan->source, build->contexts[i].selection);

		if (changed)
			return mem_printf("%s changed in the meantime", changed);
	}
	return NULL;
}

int plan_cache_key(const struct plan *plan, size_t number, char ret_key[DIGEST_LEN + 1], char **ret_why,
		   struct error **err)
{
	const struct plan_build *build = plan->nodes[number]->build;
	struct inputs *inputs;
	int r;

	/* Only the image is shared, not its attestations. */
	if (service_attests(&plan->manifest->services[plan->nodes[number]->service]))
		*ret_why = mem_strdup("it has attestations (provenance, sbom)");
	else
		*ret_why = unlocked(build);
	if (!*ret_why)
		*ret_why = folder_output(plan, build);
	if (*ret_why)
		return 0;
	if (plan_inputs(plan, number, &inputs, err) < 0)
		return -1;
	r = inputs_shared_key(inputs, ret_key, err);
	inputs_free(inputs);
	if (r >= 0)
		*ret_why = changed_file(plan, build);
	return *ret_why ? 0 : r;
}

void plan_take_result(struct plan *plan, size_t number, const struct result *result)
{
	plan->nodes[number]->state = NODE_FRESH;
	plan->nodes[number]->reasons_len = 0;
	plan_set_result(plan, number, result);
}

void plan_set_cache_key(struct plan *plan, size_t number, const char *key)
{
	plan->nodes[number]->cache_key = arena_strdup(plan->arena, key);
}
