#include "config.h"

#include "engine/plan/why_stale.h"

#include <stdlib.h>

#include "base/error.h"
#include "base/mem.h"
#include "engine/plan/inputs.h"
#include "engine/plan/plan.h"
#include "engine/state/state.h"

static int find_changes(struct plan *plan, struct state *state, size_t number, struct why *why, struct error **err)
{
	const struct node *node = plan_node(plan, number);
	cleanup_free char *old = NULL;
	struct inputs *inputs;
	size_t len = 0;

	if (state_inputs(state, node->id, &old, &len, err) < 0)
		return -1;
	if (!old)
		return 0;
	if (plan_inputs(plan, number, &inputs, err) < 0)
		return -1;
	why->changes_len = inputs_compare(inputs, old, len, why->arena, &why->changes);
	inputs_free(inputs);
	return 0;
}

static int reasons_find(struct plan *plan, struct state *state, size_t number, struct why *why, struct error **err)
{
	const struct node *node = plan_node(plan, number);

	/* There is a result with the key: the files are what they were then. */
	if (node->recorded_ms)
		return state_find(state, node->id, node->key, &why->last, err);
	if (state_last(state, node->id, &why->last, err) < 0)
		return -1;
	return why->last ? find_changes(plan, state, number, why, err) : 0;
}

int why_node(struct plan *plan, struct state *state, size_t number, struct why **ret, struct error **err)
{
	struct why *why = mem_alloc(sizeof(*why));

	why->arena = arena_new();
	if (reasons_find(plan, state, number, why, err) < 0) {
		why_free(why);
		return -1;
	}
	*ret = why;
	return 0;
}

void why_free(struct why *why)
{
	if (!why)
		return;
	record_free(why->last);
	free(why->changes);
	arena_free(why->arena);
	free(why);
}
