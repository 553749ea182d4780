#include "config.h"

#include "engine/exec/renew_results.h"

#include <stdlib.h>

#include "base/buf.h"
#include "base/mem.h"
#include "engine/plan/inputs.h"
#include "engine/plan/plan.h"
#include "engine/state/state.h"

bool renew_results_needed(struct plan *plan)
{
	for (size_t i = 0; i < plan_len(plan); i++) {
		if (plan_node(plan, i)->returned)
			return true;
	}
	return false;
}

static int renew_results_take_inputs(struct plan *plan, size_t number, char **ret, size_t *ret_len, struct error **err)
{
	struct buf text = { 0 };
	struct inputs *inputs;

	if (plan_inputs(plan, number, &inputs, err) < 0)
		return -1;
	inputs_text(inputs, &text);
	inputs_free(inputs);
	*ret_len = text.len;
	*ret = buf_steal(&text);
	return 0;
}

int renew_results(struct plan *plan, struct state *state, size_t first, size_t len, struct error **err)
{
	struct renewal *items = mem_array(len + 1, sizeof(*items));
	char **texts = mem_array(len + 1, sizeof(*texts));
	size_t count = 0;
	int r = 0;

	for (size_t i = first; i < first + len && r == 0; i++) {
		const struct node *node = plan_node(plan, i);
		struct renewal *item = &items[count];

		if (!node->returned)
			continue;
		r = renew_results_take_inputs(plan, i, &texts[count], &item->inputs_len, err);
		item->node = node->id;
		item->key = node->key;
		item->inputs = texts[count++];
		plan_followed(plan, i);
	}
	if (r == 0 && count > 0)
		r = state_renew(state, items, count, err);
	for (size_t i = 0; i < count; i++)
		free(texts[i]);
	free(texts);
	free(items);
	return r;
}
