#include "config.h"

#include <string.h>

#include "base/bug.h"
#include "base/fs.h"
#include "base/map.h"
#include "base/mem.h"
#include "dsl/manifest.h"
#include "engine/plan/plan_internal.h"

/* The list of a plan's nodes. */

size_t plan_find(const struct plan *plan, const char *id)
{
	void *found = map_get(plan->by_id, id);

	return found ? (size_t)found - 1 : NO_NODE;
}

const char *plan_fetched_name(const struct plan *plan, const char *path)
{
	const char *inside = path_relative(plan->options.state_dir, path);

	if (!inside || strncmp(inside, "sources/", 8) != 0)
		return NULL;
	inside += 8;
	inside += strcspn(inside, "/");
	return *inside ? inside + 1 : NULL;
}

char *plan_prefix(const struct plan *plan, const struct plan_context *context)
{
	const char *fetched = plan_fetched_name(plan, context->root);
	const char *relative = fetched ? fetched : path_relative(plan->manifest->dir, context->root);

	if (context->origin)
		return mem_printf("%s/", context->origin);
	if (!relative)
		return mem_printf("%s/", path_base(context->root));
	return strcmp(relative, ".") == 0 ? mem_strdup("") : mem_printf("%s/", relative);
}

const char *plan_node_id(struct plan *plan, enum node_kind kind, size_t service, const struct image_format *format,
			 const struct platform *platform)
{
	const char *name = plan->manifest->services[service].name.s;
	const char *middle = format ? ":" : "", *format_name = format ? format->name.s : "";
	char text[PLATFORM_TEXT];

	if (!platform)
		return arena_join(plan->arena, node_kind_name(kind), ":", name, middle, format_name, NULL);
	platform_text(platform, text);
	return arena_join(plan->arena, node_kind_name(kind), ":", name, middle, format_name, ":", text, NULL);
}

size_t plan_find_node(struct plan *plan, enum node_kind kind, size_t service, const struct platform *platform)
{
	return plan_find(plan, plan_node_id(plan, kind, service, NULL, platform));
}

struct node *plan_add_node(struct plan *plan, enum node_kind kind, size_t service, const struct platform *platform,
			   size_t *ret_number)
{
	return plan_add_format_node(plan, kind, service, NULL, platform, ret_number);
}

struct node *plan_add_format_node(struct plan *plan, enum node_kind kind, size_t service,
				  const struct image_format *format, const struct platform *platform, size_t *ret_number)
{
	const char *id = plan_node_id(plan, kind, service, format, platform);
	size_t found = plan_find(plan, id);
	struct node *node;

	if (found != NO_NODE) {
		*ret_number = found;
		return plan->nodes[found];
	}
	node = arena_alloc(plan->arena, sizeof(*node));
	node->id = id;
	node->kind = kind;
	node->service = service;
	node->format = format;
	node->references = plan_image_references(plan, service, format);
	node->has_platform = platform != NULL;
	if (platform)
		node->platform = *platform;
	bug_if(kind == NODE_BUILD && !platform, "%s is a build for no platform", id);
	bug_if((kind == NODE_CONVERT) != (format && platform), "%s: only conversions have a format and a platform", id);
	mem_reserve(&plan->nodes, &plan->nodes_cap, plan->nodes_len + 1, sizeof(struct node *));
	*ret_number = plan->nodes_len;
	plan->nodes[plan->nodes_len++] = node;
	map_set(plan->by_id, id, (void *)(*ret_number + 1));
	return node;
}
