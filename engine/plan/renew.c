#include "config.h"

#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/json.h"
#include "base/mem.h"
#include "engine/oci/lockfile.h"
#include "engine/plan/plan_internal.h"

/* --pull: looks up the current digests of base tags. */

struct plan_renewal {
	struct plan *plan;
	plan_newest *newest;
	void *data;
};

/* True when the record of the node's build has another digest for its base, or none. */
static bool built_from_another(struct plan *plan, const struct node *node, const struct plan_image *image,
			       const char *now, const char **ret_was)
{
	cleanup_free char *name = plan_base_name(image->mention->name, &image->mention->platform);
	cleanup_json struct json *detail = NULL;
	const char *text = node->result.detail, *was = NULL;

	/* An unreadable detail counts as one without the digest. */
	if (text && json_parse(text, strlen(text), node->id, &detail, NULL) == 0)
		was = json_str(json_get(detail, "bases"), name);
	*ret_was = was ? arena_strdup(plan->arena, was) : NULL;
	return !was || strcmp(was, now) != 0;
}

static void make_stale(struct plan *plan, struct node *node, const struct plan_image *image, const char *was,
		       const char *now)
{
	cleanup_free char *name = plan_base_name(image->mention->name, &image->mention->platform);

	node->state = NODE_STALE;
	node_reason(node, REASON_BASE, arena_strdup(plan->arena, name),
		    arena_printf(plan->arena, "%.19s -> %.19s", was ? was : "unknown", now));
}

/* ret_changed: the node's key or state has changed. */
static int renew_image(struct plan_renewal *renewal, struct node *node, struct plan_image *image, bool *ret_changed,
		       struct error **err)
{
	cleanup_free char *tagged = lock_reference(image->reference);
	const char *now, *was;

	if (image->node != NO_NODE || !tagged)
		return 0;
	if (renewal->newest(renewal->data, tagged, &image->mention->platform, &now, err) < 0)
		return -1;
	if (image->digest) {
		*ret_changed |= strcmp(image->digest, now) != 0;
		image->digest = arena_strdup(renewal->plan->arena, now);
	} else if (node->state == NODE_FRESH && built_from_another(renewal->plan, node, image, now, &was)) {
		make_stale(renewal->plan, node, image, was, now);
		*ret_changed = true;
	}
	return 0;
}

static int renew_node(struct plan_renewal *renewal, size_t number, bool *ret_changed, struct error **err)
{
	struct node *node = renewal->plan->nodes[number];
	bool locked = false;

	for (size_t i = 0; node->kind == NODE_BUILD && i < node->build->images_len; i++) {
		if (renew_image(renewal, node, &node->build->images[i], ret_changed, err) < 0)
			return -1;
		locked |= node->build->images[i].digest != NULL;
	}
	if (!*ret_changed)
		return 0;
	if (locked && plan_decide(renewal->plan, number, err) < 0)
		return -1;
	if (node->state != NODE_FRESH)
		node->result = (struct result){ 0 };
	return 0;
}

int plan_renew_bases(struct plan *plan, plan_newest *newest, void *data, struct error **err)
{
	struct plan_renewal renewal = { plan, newest, data };
	cleanup_free bool *changed = mem_array(plan->nodes_len + 1, sizeof(*changed));

	for (size_t i = 0; i < plan->nodes_len; i++) {
		const struct node *node = plan->nodes[i];
		bool again = false;

		for (size_t j = 0; j < node->needs_len; j++)
			again |= changed[node->needs[j]];
		if (again && plan_decide(plan, i, err) < 0)
			return -1;
		changed[i] = again;
		if (renew_node(&renewal, i, &changed[i], err) < 0)
			return -1;
	}
	return 0;
}
