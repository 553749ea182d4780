#include "config.h"

#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/map.h"
#include "base/mem.h"
#include "dsl/loaded.h"
#include "dsl/resolve.h"

/* An edge between services, with its position in the manifest. */
struct edge {
	size_t to;
	struct pos pos;
};

enum mark { MARK_NEW, MARK_OPEN, MARK_DONE };

struct graph_frame {
	size_t service;
	size_t next;    /* edge to follow */
	struct pos pos; /* of the edge that was followed last */
};

struct graph_walk {
	struct resolve *r;
	bool runtime; /* depends_on, else what the builds need */
	enum mark *marks;
	struct graph_frame *stack;
	size_t depth;
};

/* False for an optional service that is missing, and for one that cannot be started. */
static bool resolve_depends(struct resolve *r, const struct service *service, struct depends *depends)
{
	const struct manifest *manifest = &r->loaded->manifest;
	cleanup_free char *place = NULL;

	if (depends->optional && !map_get(r->loaded->services, depends->name.s))
		return false;
	depends->service = resolve_service(r, &depends->name, "depends_on");
	place = diags_place(r->diags, depends->name.pos);
	depends->place = arena_strdup(r->arena, place);
	if (!strcmp(depends->name.s, service->name.s))
		diags_add(r->diags, depends->name.pos, NULL, "the service \"%s\" cannot depend on itself",
			  service->name.s);
	return depends->service == RESOLVE_NONE || !manifest->services[depends->service].provided;
}

/* Turns names into indices. A name that is not found keeps RESOLVE_NONE; the load fails then. */
void resolve_names(struct resolve *r, struct service *service)
{
	size_t len = service->depends_len;

	service->needs_index = arena_array(r->arena, service->needs.len, sizeof(size_t));
	for (size_t i = 0; i < service->needs.len; i++) {
		service->needs_index[i] = resolve_service(r, &service->needs.items[i], "needs");
		if (!strcmp(service->needs.items[i].s, service->name.s))
			diags_add(r->diags, service->needs.items[i].pos, NULL, "the service \"%s\" cannot need itself",
				  service->name.s);
	}
	service->depends_len = 0;
	for (size_t i = 0; i < len; i++) {
		struct depends *depends = &service->depends[service->depends_len];

		*depends = service->depends[i];
		service->depends_len += resolve_depends(r, service, depends);
	}
}

/* The i-th edge of a service; false when there are no more. */
static bool get_edge(const struct graph_walk *w, const struct service *service, size_t i, struct edge *ret)
{
	if (w->runtime) {
		if (i >= service->depends_len)
			return false;
		*ret = (struct edge){ service->depends[i].service, service->depends[i].name.pos };
		return true;
	}
	if (i < service->needs.len) {
		*ret = (struct edge){ service->needs_index[i], service->needs.items[i].pos };
		return true;
	}
	i -= service->needs.len;
	if (i >= service->build.contexts_len)
		return false;
	*ret = (struct edge){ service->build.contexts[i].service, service->build.contexts[i].value.pos };
	if (service->build.contexts[i].kind != CONTEXT_SERVICE)
		ret->to = RESOLVE_NONE;
	return true;
}

static void resolve_graph_complain_cycle(struct graph_walk *w, size_t again)
{
	const struct service *services = w->r->loaded->manifest.services;
	const char *verb = w->runtime ? "depends on" : "needs";
	struct buf path cleanup_buf = { 0 };
	size_t first = 0;

	while (w->stack[first].service != again)
		first++;
	if (first + 1 == w->depth)
		return; /* itself: complained about at the name */
	for (size_t i = first; i < w->depth; i++)
		buf_printf(&path, "%s -> ", services[w->stack[i].service].name.s);
	diags_add(w->r->diags, w->stack[first].pos, NULL, "the service \"%s\" %s itself: %s%s", services[again].name.s,
		  verb, path.data ? path.data : "", services[again].name.s);
	for (size_t i = first + 1; i < w->depth; i++)
		diags_note(w->r->diags, w->stack[i].pos, "\"%s\" %s \"%s\" here", services[w->stack[i].service].name.s,
			   verb, services[i + 1 < w->depth ? w->stack[i + 1].service : again].name.s);
}

/* Depth first, on our own stack: a chain may be as long as the manifest. */
static void resolve_graph_visit(struct graph_walk *w, size_t start)
{
	const struct service *services = w->r->loaded->manifest.services;

	w->stack[w->depth++] = (struct graph_frame){ .service = start };
	w->marks[start] = MARK_OPEN;
	while (w->depth) {
		struct graph_frame *frame = &w->stack[w->depth - 1];
		struct edge edge;

		if (!get_edge(w, &services[frame->service], frame->next++, &edge)) {
			w->marks[frame->service] = MARK_DONE;
			w->depth--;
			continue;
		}
		frame->pos = edge.pos;
		if (edge.to == RESOLVE_NONE || w->marks[edge.to] == MARK_DONE)
			continue;
		if (w->marks[edge.to] == MARK_OPEN) {
			resolve_graph_complain_cycle(w, edge.to);
			continue;
		}
		w->marks[edge.to] = MARK_OPEN;
		w->stack[w->depth++] = (struct graph_frame){ .service = edge.to };
	}
}

static void walk_all(struct resolve *r, bool runtime)
{
	size_t len = r->loaded->manifest.services_len;
	enum mark *marks cleanup_free = mem_array(len, sizeof(*marks));
	struct graph_frame *stack cleanup_free = mem_array(len, sizeof(*stack));
	struct graph_walk w = { .r = r, .runtime = runtime, .marks = marks, .stack = stack };

	for (size_t i = 0; i < len; i++)
		if (marks[i] == MARK_NEW)
			resolve_graph_visit(&w, i);
}

void resolve_cycles(struct resolve *r)
{
	walk_all(r, false);
	walk_all(r, true);
}

void resolve_conditions(struct resolve *r)
{
	const struct manifest *manifest = &r->loaded->manifest;

	for (size_t i = 0; i < manifest->services_len; i++) {
		const struct service *service = &manifest->services[i];

		for (size_t j = 0; j < service->depends_len; j++) {
			const struct depends *depends = &service->depends[j];

			if (depends->service == RESOLVE_NONE || depends->condition != DEPENDS_HEALTHY ||
			    !service_unchecked(&manifest->services[depends->service]))
				continue;
			diags_add(r->diags, depends->name.pos, "give it a \"healthcheck\", or wait for service_started",
				  "\"%s\" waits until \"%s\" is healthy, which has no health check", service->name.s,
				  depends->name.s);
			diags_note(r->diags, manifest->services[depends->service].healthcheck.pos, "it is disabled here");
		}
	}
}
