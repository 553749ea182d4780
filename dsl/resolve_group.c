#include "config.h"

#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/map.h"
#include "base/mem.h"
#include "base/text.h"
#include "dsl/draft.h"
#include "dsl/loaded.h"
#include "dsl/resolve.h"

enum state { STATE_NEW, STATE_OPEN, STATE_DONE };

struct group_frame {
	size_t group;
	size_t next;    /* member to look at */
	struct pos pos; /* of the member that was followed last */
};

struct groups {
	struct resolve *r;
	struct map *by_name; /* name -> struct group of the manifest */
	enum state *states;
	struct group_frame *stack;
	size_t depth;
	uint32_t *seen; /* for each service: the number of the group that last took it, plus 1 */
	size_t members;
};

static void resolve_group_check_names(struct groups *g)
{
	struct resolve *r = g->r;

	for (size_t i = 0; i < r->draft->groups_len; i++) {
		const struct text *name = &r->draft->groups[i].name;
		const struct service *service = map_get(r->loaded->services, name->s);

		resolve_check_name(r, name, "group");
		if (!service || r->bake)
			continue;
		diags_add(r->diags, name->pos, NULL, "\"%s\" is both a group and a service", name->s);
		diags_note(r->diags, service->name.pos, "the service is here");
	}
}

static void unknown_member(struct groups *g, const struct text *name)
{
	struct resolve *r = g->r;
	size_t services = r->loaded->manifest.services_len, len = services;
	const char **names, *nearest = NULL;

	if (r->hints >= services) {
		r->hints -= services;
		names = arena_array(r->arena, services + map_len(g->by_name), sizeof(*names));
		if (services)
			memcpy(names, r->names, services * sizeof(*names));
		for (size_t i = 0; i < map_len(g->by_name); i++)
			names[len++] = map_key(g->by_name, i);
		nearest = text_nearest(name->s, names, len);
	}
	diags_add(r->diags, name->pos, nearest ? arena_printf(r->arena, "did you mean \"%s\"?", nearest) : NULL,
		  "there is no service or group \"%s\"", name->s);
}

static void resolve_group_complain_cycle(struct groups *g, size_t again)
{
	const struct draft_group *groups = g->r->draft->groups;
	struct buf path cleanup_buf = { 0 };
	size_t first = 0;

	while (g->stack[first].group != again)
		first++;
	for (size_t i = first; i < g->depth; i++)
		buf_printf(&path, "%s -> ", groups[g->stack[i].group].name.s);
	diags_add(g->r->diags, g->stack[first].pos, NULL, "the group \"%s\" contains itself: %s%s",
		  groups[again].name.s, path.data ? path.data : "", groups[again].name.s);
	for (size_t i = first + 1; i < g->depth; i++)
		diags_note(g->r->diags, g->stack[i].pos, "\"%s\" is in \"%s\" here",
			   groups[i + 1 < g->depth ? g->stack[i + 1].group : again].name.s,
			   groups[g->stack[i].group].name.s);
}

static void resolve_group_take(struct groups *g, struct group *group, size_t number, size_t service)
{
	if (g->seen[service] == number + 1 || g->members >= RESOLVE_MEMBERS_MAX)
		return;
	g->seen[service] = (uint32_t)number + 1;
	group->services[group->services_len++] = service;
	if (++g->members == RESOLVE_MEMBERS_MAX)
		diags_add(g->r->diags, group->name.pos, NULL, "the groups have more than %d members together",
			  RESOLVE_MEMBERS_MAX);
}

/* All services of its members; members that are groups are already resolved. */
static void resolve_group_finish(struct groups *g, size_t number)
{
	const struct draft_group *draft = &g->r->draft->groups[number];
	struct manifest *manifest = &g->r->loaded->manifest;
	struct group *group = &manifest->groups[number];
	size_t room = 0;

	for (int fill = 0; fill < 2; fill++) {
		for (size_t i = 0; i < draft->members.len; i++) {
			const struct service *service = map_get(g->r->loaded->services, draft->members.items[i].s);
			const struct group *other = map_get(g->by_name, draft->members.items[i].s);

			if (!fill)
				room += service ? 1 : other ? other->services_len : 0;
			else if (service)
				resolve_group_take(g, group, number, (size_t)(service - manifest->services));
			for (size_t j = 0; fill && !service && other && j < other->services_len; j++)
				resolve_group_take(g, group, number, other->services[j]);
		}
		if (!fill)
			group->services = arena_array(g->r->arena,
						      room < manifest->services_len ? room : manifest->services_len,
						      sizeof(size_t));
	}
	g->states[number] = STATE_DONE;
}

static void resolve_group_visit(struct groups *g, size_t start)
{
	const struct draft *draft = g->r->draft;

	g->states[start] = STATE_OPEN;
	g->stack[g->depth++] = (struct group_frame){ .group = start };
	while (g->depth) {
		struct group_frame *frame = &g->stack[g->depth - 1];
		const struct texts *members = &draft->groups[frame->group].members;
		const struct text *name;
		const struct group *other;
		size_t to;

		if (frame->next == members->len) {
			resolve_group_finish(g, frame->group);
			g->depth--;
			continue;
		}
		name = &members->items[frame->next++];
		frame->pos = name->pos;
		if (map_get(g->r->loaded->services, name->s))
			continue;
		other = map_get(g->by_name, name->s);
		if (!other) {
			unknown_member(g, name);
			continue;
		}
		to = (size_t)(other - g->r->loaded->manifest.groups);
		if (g->states[to] == STATE_OPEN) {
			resolve_group_complain_cycle(g, to);
		} else if (g->states[to] == STATE_NEW) {
			g->states[to] = STATE_OPEN;
			g->stack[g->depth++] = (struct group_frame){ .group = to };
		}
	}
}

void resolve_groups(struct resolve *r)
{
	struct manifest *manifest = &r->loaded->manifest;
	size_t len = r->draft->groups_len;
	enum state *states cleanup_free = mem_array(len, sizeof(*states));
	struct group_frame *stack cleanup_free = mem_array(len, sizeof(*stack));
	uint32_t *seen cleanup_free = mem_array(manifest->services_len, sizeof(*seen));
	struct groups g = { .r = r, .by_name = r->loaded->groups, .states = states, .stack = stack, .seen = seen };

	manifest->groups = arena_array(r->arena, len, sizeof(*manifest->groups));
	manifest->groups_len = len;
	for (size_t i = 0; i < len; i++) {
		const struct group *other;

		manifest->groups[i].name = r->draft->groups[i].name;
		other = map_set(g.by_name, manifest->groups[i].name.s, &manifest->groups[i]);
		if (!other)
			continue;
		diags_add(r->diags, manifest->groups[i].name.pos, NULL,
			  "\"%s\" is both a group and a service with a \"matrix\"", manifest->groups[i].name.s);
		diags_note(r->diags, other->name.pos, "the service is here");
	}
	resolve_group_check_names(&g);
	for (size_t i = 0; i < len; i++)
		if (states[i] == STATE_NEW)
			resolve_group_visit(&g, i);
}
