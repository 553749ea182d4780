#include "config.h"

#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "dsl/manifest.h"
#include "engine/plan/plan_internal.h"

/*
 * Whole contexts with files that builds of this run make. Two builds that make files in each other's contexts cannot both wait: then neither
 * does, whichever was planned first, so that their keys do not depend on what else is built.
 */

bool plan_waits(struct plan *plan, size_t reader, const struct plan_made *made)
{
	for (size_t i = 0; i < plan->waits_len; i++)
		if (plan->waits[i].reader == reader && plan->waits[i].maker == made->service)
			return plan->waits[i].waits;
	mem_reserve(&plan->waits, &plan->waits_cap, plan->waits_len + 1, sizeof(*plan->waits));
	plan->waits[plan->waits_len++] = (struct plan_wait){ .reader = reader, .maker = made->service, .pos = made->pos };
	plan->waits_more = true;
	return false;
}

static bool mark(bool *marks, size_t service)
{
	bool added = !marks[service];

	marks[service] = true;
	return added;
}

static bool is_making(const struct node *node)
{
	return node->kind == NODE_BUILD || node->kind == NODE_OUTPUT || node->kind == NODE_PREPARE;
}

/* One step from the marked services to those that they need or may wait for. Needs have lower numbers: one step goes nearly all the way. */
static bool mark_more(const struct plan *plan, bool *marks)
{
	bool more = false;

	for (size_t i = plan->nodes_len; i-- > 0;) {
		const struct node *node = plan->nodes[i];

		for (size_t j = 0; is_making(node) && marks[node->service] && j < node->needs_len; j++)
			more = mark(marks, plan->nodes[node->needs[j]]->service) || more;
	}
	for (size_t i = 0; i < plan->waits_len; i++)
		if (marks[plan->waits[i].reader])
			more = mark(marks, plan->waits[i].maker) || more;
	return more;
}

void plan_settle_waits(struct plan *plan)
{
	size_t services = plan->manifest->services_len, last = SIZE_MAX;
	cleanup_free bool *marks = mem_array(services, sizeof(*marks));

	for (size_t i = 0; i < plan->waits_len; i++) {
		struct plan_wait *wait = &plan->waits[i];

		if (wait->maker != last) {
			memset(marks, 0, services * sizeof(*marks));
			last = wait->maker;
			marks[last] = true;
			while (mark_more(plan, marks))
				;
		}
		wait->waits = !marks[wait->reader];
	}
	plan->waits_more = false;
}
