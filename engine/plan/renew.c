#include "config.h"

#include <stdlib.h>
#include <string.h>

#include "base/bug.h"
#include "base/error.h"
#include "base/json.h"
#include "base/mem.h"
#include "dsl/manifest.h"
#include "engine/oci/lockfile.h"
#include "engine/plan/plan_internal.h"

/* Looks up the current digests of base tags and what is at URLs (--pull), or what the builder's engine has. */

struct plan_renewal {
	struct plan *plan;
	plan_newest *newest;
	plan_newest_url *newest_url;
	plan_own *own; /* instead of both, or NULL */
	void *data;
};

/* What the record of the node's build has for `name` in "bases" or "urls", or NULL. */
static const char *built_from(struct plan *plan, const struct node *node, const char *kind, const char *name)
{
	cleanup_json struct json *detail = NULL;
	const char *text = node->result.detail, *was = NULL;

	/* An unreadable detail counts as one without it. */
	if (text && json_parse(text, strlen(text), node->id, &detail, NULL) == 0)
		was = json_str(json_get(detail, kind), name);
	return was ? arena_strdup(plan->arena, was) : NULL;
}

static void make_stale(struct plan *plan, struct node *node, enum reason_kind kind, const char *name, const char *change)
{
	node->state = NODE_STALE;
	node_reason(node, kind, arena_strdup(plan->arena, name), change);
}

/* A locked base is in the key: *ret_changed says that it is another one now. Any other makes a fresh node stale. */
static int renew_image(struct plan_renewal *renewal, struct node *node, struct plan_image *image, bool locked,
		       bool *ret_changed, struct error **err)
{
	struct plan *plan = renewal->plan;
	cleanup_free char *tagged = lock_reference(image->reference), *name = NULL;
	const char *now, *was;

	if (image->node != NO_NODE || !tagged || locked != (image->digest != NULL))
		return 0;
	if (renewal->newest(renewal->data, image->reference, &image->mention->platform, &now, err) < 0)
		return -1;
	if (locked) {
		*ret_changed |= strcmp(image->digest, now) != 0;
		image->digest = arena_strdup(plan->arena, now);
		return 0;
	}
	name = plan_base_name(image->mention->name, &image->mention->platform);
	was = built_from(plan, node, "bases", name);
	if (node->state != NODE_FRESH || (was && strcmp(was, now) == 0))
		return 0;
	make_stale(plan, node, REASON_BASE, name,
		   arena_printf(plan->arena, "%.19s -> %.19s", was ? was : "unknown", now));
	*ret_changed = true;
	return 0;
}

/* Only of fresh nodes: others take what is there then. */
static int check_own(struct plan_renewal *renewal, struct node *node, struct plan_image *image, bool *ret_changed,
		     struct error **err)
{
	struct plan *plan = renewal->plan;
	cleanup_free char *name = plan_base_name(image->mention->name, &image->mention->platform);
	const char *detail = node->result.detail, *now = NULL, *was;
	bool own = detail && strstr(detail, "\"own\"");

	if (image->node != NO_NODE || image->digest || node->state != NODE_FRESH || (image->mention->context && !own) ||
	    plan->manifest->services[node->service].build.pull)
		return 0;
	if (renewal->own(renewal->data, image->reference, &image->mention->platform, own, &now, err) < 0)
		return -1;
	was = now ? built_from(plan, node, "own", name) : NULL;
	if (now && !was)
		was = built_from(plan, node, "bases", name);
	if (!now || (was && strcmp(was, now) == 0))
		return 0;
	make_stale(plan, node, REASON_BASE, name,
		   arena_printf(plan->arena, "%.19s -> %.19s", was ? was : "unknown", now));
	*ret_changed = true;
	return 0;
}

static int renew_url(struct plan_renewal *renewal, struct node *node, struct plan_url *url, bool locked,
		     bool *ret_changed, struct error **err)
{
	struct plan *plan = renewal->plan;
	const char *now, *was;

	/* A node that is built anyway asks then. */
	if (url->pinned || locked != (url->pin != NULL) || (!locked && node->state != NODE_FRESH))
		return 0;
	if (!url->url) {
		make_stale(plan, node, REASON_URL, url->shown, "what is there is not known before the build");
		*ret_changed = true;
		return 0;
	}
	if (renewal->newest_url(renewal->data, url, locked, &now, err) < 0)
		return error_wrap(err, "%s of %s", url->place, plan->manifest->services[node->service].name.s);
	if (locked) {
		*ret_changed |= strcmp(url->pin, now) != 0;
		url->pin = arena_strdup(plan->arena, now);
		return 0;
	}
	was = built_from(plan, node, "urls", url->shown);
	if (was && strcmp(was, now) == 0)
		return 0;
	make_stale(plan, node, REASON_URL, url->shown, arena_printf(plan->arena, "%s -> %s", was ? was : "unknown", now));
	*ret_changed = true;
	return 0;
}

static int renew_used(struct plan_renewal *renewal, struct node *node, bool locked, bool *ret_changed, struct error **err)
{
	for (size_t i = 0; renewal->own && !locked && i < node->build->images_len; i++)
		if (check_own(renewal, node, &node->build->images[i], ret_changed, err) < 0)
			return -1;
	if (renewal->own)
		return 0;
	for (size_t i = 0; i < node->build->images_len; i++)
		if (renew_image(renewal, node, &node->build->images[i], locked, ret_changed, err) < 0)
			return -1;
	for (size_t i = 0; i < node->build->urls_len; i++)
		if (renew_url(renewal, node, &node->build->urls[i], locked, ret_changed, err) < 0)
			return -1;
	return 0;
}

/* ret_changed: the node's key or state has changed. */
static int renew_node(struct plan_renewal *renewal, size_t number, bool *ret_changed, struct error **err)
{
	struct node *node = renewal->plan->nodes[number];
	bool key = false;

	if (node->kind != NODE_BUILD)
		return 0;
	if (renew_used(renewal, node, true, &key, err) < 0 || (key && plan_decide(renewal->plan, number, err) < 0) ||
	    renew_used(renewal, node, false, ret_changed, err) < 0)
		return -1;
	*ret_changed |= key;
	if (*ret_changed && node->state != NODE_FRESH)
		node->result = (struct result){ 0 };
	return 0;
}

static int renew_nodes(struct plan_renewal *renewal, struct error **err)
{
	struct plan *plan = renewal->plan;
	cleanup_free bool *changed = mem_array(plan->nodes_len + 1, sizeof(*changed));

	for (size_t i = 0; i < plan->nodes_len; i++) {
		const struct node *node = plan->nodes[i];
		bool again = false;

		for (size_t j = 0; j < node->needs_len; j++)
			again |= changed[node->needs[j]];
		if (again && plan_decide(plan, i, err) < 0)
			return -1;
		changed[i] = again;
		if (renew_node(renewal, i, &changed[i], err) < 0)
			return -1;
	}
	return 0;
}

int plan_renew(struct plan *plan, plan_newest *newest, plan_newest_url *newest_url, void *data, struct error **err)
{
	struct plan_renewal renewal = { .plan = plan, .newest = newest, .newest_url = newest_url, .data = data };

	return renew_nodes(&renewal, err);
}

int plan_check_own(struct plan *plan, plan_own *own, void *data, struct error **err)
{
	struct plan_renewal renewal = { .plan = plan, .own = own, .data = data };

	bug_if(!own, "the engine's own images need no registry");
	return renew_nodes(&renewal, err);
}
