#include "config.h"

#include <string.h>

#include "base/error.h"
#include "base/json.h"
#include "base/map.h"
#include "base/mem.h"
#include "base/text.h"
#include "engine/oci/lockfile.h"
#include "engine/plan/plan_internal.h"
#include "engine/state/state.h"

/* The ONBUILD instructions of bases from elsewhere. */

/* As found by the node's last build. */
static const char *recorded(struct plan *plan, const char *id, const struct dockerfile_image *mention)
{
	const struct record *last = map_get(plan->records, id);
	cleanup_free char *name = plan_base_name(mention->name, &mention->platform);
	cleanup_json struct json *detail = NULL;
	const char *text;

	if (!last || !last->detail)
		return NULL;
	/* Few bases have any, and every run gets here. */
	if (!strstr(last->detail, "\"onbuild\""))
		return "";
	if (json_parse(last->detail, strlen(last->detail), id, &detail, NULL) < 0)
		return NULL;
	text = json_str(json_get(detail, "onbuild"), name);
	return text ? arena_strdup(plan->arena, text) : "";
}

void plan_find_onbuild(struct plan *plan, const char *id, struct plan_image *image)
{
	const struct plan_options *options = &plan->options;
	const struct platform *platform = &image->mention->platform;
	cleanup_free char *name = options->lock ? lock_reference(image->reference) : NULL;
	const struct lock_entry *entry = name ? lockfile_find(options->lock, name) : NULL;
	const char *asked = options->onbuild ? options->onbuild(options->onbuild_data, image->reference, platform) : NULL;

	image->onbuild = asked && strcmp(asked, DOCKERFILE_UNTOLD "\n") != 0 ? asked : NULL;
	if (!image->onbuild && entry)
		image->onbuild = lock_entry_onbuild(entry, platform);
	image->settled = image->onbuild != NULL;
	if (!image->onbuild)
		image->onbuild = recorded(plan, id, image->mention);
	if (!image->onbuild)
		image->onbuild = asked;
}

int plan_ask_onbuild(struct plan *plan, plan_ask *ask, void *data, bool *ret_changed, struct error **err)
{
	*ret_changed = false;
	for (size_t i = 0; i < plan->nodes_len; i++) {
		const struct node *node = plan->nodes[i];

		for (size_t j = 0; node->kind == NODE_BUILD && node->state == NODE_STALE && j < node->build->images_len;
		     j++) {
			struct plan_image image = node->build->images[j];

			if (image.node != NO_NODE || image.settled || image.mention->use != IMAGE_FROM)
				continue;
			if (ask(data, image.reference, &image.mention->platform, image.digest, err) < 0)
				return -1;
			plan_find_onbuild(plan, node->id, &image);
			*ret_changed |= !text_same(image.onbuild, node->build->images[j].onbuild);
		}
	}
	return 0;
}
