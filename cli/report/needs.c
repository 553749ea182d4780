#include "config.h"

#include <stdlib.h>

#include "base/mem.h"
#include "cli/report/needs.h"
#include "engine/plan/plan.h"

struct needs {
	size_t **lists;
	size_t *lens;
	size_t len;
};

/* Marks everything that `node` depends on in `reached`, with the number of the dependent. */
static void reach(struct plan *plan, size_t node, size_t asking, size_t *reached, size_t *stack)
{
	size_t len = 0;

	stack[len++] = node;
	while (len > 0) {
		const struct node *at = plan_node(plan, stack[--len]);

		for (size_t i = 0; i < at->needs_len; i++) {
			if (reached[at->needs[i]] == asking)
				continue;
			reached[at->needs[i]] = asking;
			stack[len++] = at->needs[i];
		}
	}
}

struct needs *needs_new(struct plan *plan)
{
	struct needs *needs = mem_alloc(sizeof(*needs));
	size_t len = plan_len(plan);
	cleanup_free size_t *reached = mem_array(len + 1, sizeof(*reached));
	cleanup_free size_t *stack = mem_array(len + 1, sizeof(*stack));

	needs->len = len;
	needs->lists = mem_array(len + 1, sizeof(*needs->lists));
	needs->lens = mem_array(len + 1, sizeof(*needs->lens));
	for (size_t i = 0; i < len; i++) {
		const struct node *node = plan_node(plan, i);

		needs->lists[i] = mem_array(node->needs_len + 1, sizeof(**needs->lists));
		for (size_t j = 0; j < node->needs_len; j++)
			reach(plan, node->needs[j], i + 1, reached, stack);
		for (size_t j = 0; j < node->needs_len; j++) {
			if (reached[node->needs[j]] != i + 1)
				needs->lists[i][needs->lens[i]++] = node->needs[j];
		}
	}
	return needs;
}

void needs_free(struct needs *needs)
{
	if (!needs)
		return;
	for (size_t i = 0; i < needs->len; i++)
		free(needs->lists[i]);
	free(needs->lists);
	free(needs->lens);
	free(needs);
}

void needs_cleanup(struct needs **needs)
{
	needs_free(*needs);
}

const size_t *needs_of(const struct needs *needs, size_t node, size_t *ret_len)
{
	*ret_len = needs->lens[node];
	return needs->lists[node];
}
