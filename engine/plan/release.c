#include "config.h"

#include <string.h>

#include "base/diag.h"
#include "base/mem.h"
#include "dsl/manifest.h"
#include "engine/plan/plan_internal.h"

/* The last nodes: push content to the registries, then tags. */

/* Do not ask a registry about names that nobody can own: they come from a manifest without a registry. */
static bool release_check_names(struct plan *plan, const struct node *push)
{
	const struct service *own = &plan->manifest->services[push->service];

	for (const char *const *name = push->repositories; *name; name++) {
		if (strncmp(*name, "docker.io/library/", strlen("docker.io/library/")) != 0)
			continue;
		diags_add(plan->diags, own->image.pos, "set registry: HOST/PATH",
			  "the image of \"%s\" cannot be pushed: its name has no registry", own->name.s);
		return false;
	}
	return true;
}

static void need(struct plan *plan, struct node *node, const char *kind, size_t service, const char *format)
{
	const char *name = plan->manifest->services[service].name.s;
	size_t found = plan_find(plan, arena_join(plan->arena, kind, ":", name, *format ? ":" : "", format, NULL));

	if (found != NO_NODE)
		node_need(node, found);
}

/* A service's node of that kind, and those of its formats. */
static void need_all(struct plan *plan, struct node *node, const char *kind, size_t service)
{
	const struct service *own = &plan->manifest->services[service];

	need(plan, node, kind, service, "");
	for (size_t i = 0; i < own->formats_len; i++)
		need(plan, node, kind, service, own->formats[i].name.s);
}

/* The services of the targets that have an index, each with the new node of that kind. */
static bool is_released(const struct plan *plan, size_t service)
{
	return plan->services[service].made && plan->manifest->services[service].publish &&
	       !plan->services[service].nameless;
}

/* The checks of all services that use its image. */
static void need_checks(struct plan *plan, struct node *node, size_t service)
{
	for (size_t i = 0; i < plan->manifest->services_len; i++) {
		if (plan->manifest->services[i].maker == service)
			need(plan, node, "verify", i, "");
	}
}

/* Its own index is the first dependency. */
static void release_add_push(struct plan *plan, size_t service, const struct image_format *format)
{
	size_t number;
	struct node *node = plan_add_format_node(plan, NODE_PUSH, service, format, NULL, &number);

	node->repositories = plan_repositories(plan, service);
	need(plan, node, "index", service, format ? format->name.s : "");
	need_all(plan, node, "index", service);
	need_checks(plan, node, service);
	for (size_t i = 0; i < plan->manifest->services_len && !plan->options.keep_going; i++) {
		if (is_released(plan, i))
			need_all(plan, node, "index", i);
		need(plan, node, "verify", i, "");
	}
}

/* Its own push is the first dependency. */
static void release_add_tag(struct plan *plan, size_t service, const struct image_format *format)
{
	size_t number;
	struct node *node = plan_add_format_node(plan, NODE_TAG, service, format, NULL, &number);

	need(plan, node, "push", service, format ? format->name.s : "");
	need_all(plan, node, "push", service);
	for (size_t i = 0; i < plan->manifest->services_len && !plan->options.keep_going; i++) {
		if (is_released(plan, i))
			need_all(plan, node, "push", i);
	}
}

static void release_add_all(struct plan *plan, void (*add)(struct plan *, size_t, const struct image_format *))
{
	for (size_t i = 0; i < plan->manifest->services_len; i++) {
		const struct service *service = &plan->manifest->services[i];

		if (!is_released(plan, i))
			continue;
		add(plan, i, NULL);
		for (size_t j = 0; j < service->formats_len; j++)
			add(plan, i, &service->formats[j]);
	}
}

bool plan_add_release(struct plan *plan)
{
	size_t first = plan->nodes_len;
	bool good = true;

	release_add_all(plan, release_add_push);
	for (size_t i = first; i < plan->nodes_len; i++)
		good = (plan->nodes[i]->format || release_check_names(plan, plan->nodes[i])) && good;
	if (good && !plan->options.untagged)
		release_add_all(plan, release_add_tag);
	return good;
}
