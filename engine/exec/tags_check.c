#include "config.h"

#include "engine/exec/tags_check.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/map.h"
#include "base/mem.h"
#include "engine/plan/plan.h"
#include "engine/registry/heads.h"

/* Says which node and reference a query is for. */
struct asker {
	size_t node;           /* the tag node */
	const char *reference; /* of the plan */
};

/* Parallel arrays of heads and their askers. */
struct tags_held {
	struct head *heads;
	struct asker *askers;
	size_t len, heads_cap, askers_cap;
	struct map *by_reference; /* -> digest, of heads */
};

static int tags_check_collect(struct plan *plan, struct tags_held *held, struct error **err)
{
	for (size_t i = 0; i < plan_len(plan); i++) {
		const struct node *node = plan_node(plan, i);
		const char *const *references;

		if (node->kind != NODE_TAG)
			continue;
		for (references = node->references; *references; references++) {
			mem_reserve(&held->heads, &held->heads_cap, held->len + 1, sizeof(*held->heads));
			mem_reserve(&held->askers, &held->askers_cap, held->len + 1, sizeof(*held->askers));
			held->askers[held->len] = (struct asker){ i, *references };
			if (!ref_parse(*references, &held->heads[held->len++].ref, NULL))
				return error_make(err, ERROR_INTERNAL, "%s is not an image reference", *references);
		}
	}
	return 0;
}

/* The tag will be set on content that nobody asked about: pushing finds out whether it exists. */
static void doubt_content(struct plan *plan)
{
	for (size_t i = 0; i < plan_len(plan); i++) {
		const struct node *tag = plan_node(plan, i);

		if (tag->kind == NODE_TAG && tag->state != NODE_FRESH &&
		    plan_node(plan, tag->needs[0])->state == NODE_FRESH)
			plan_doubt(plan, tag->needs[0], "its content in the registry", "to be looked for");
	}
}

static void tags_check_judge(struct plan *plan, struct tags_held *held)
{
	for (size_t i = 0; i < held->len; i++) {
		const struct head *head = &held->heads[i];
		const struct asker *asker = &held->askers[i];
		const struct node *tag = plan_node(plan, asker->node);
		const char *change = head->found ? "another image now" : "gone";

		if (head->found)
			map_set(held->by_reference, asker->reference, (char *)head->digest);
		if (tag->state != NODE_FRESH)
			continue;
		if (head->found && tag->result.digest && strcmp(head->digest, tag->result.digest) == 0)
			continue;
		plan_doubt(plan, asker->node, asker->reference, change);
		plan_doubt(plan, tag->needs[0], asker->reference, change);
	}
}

const char *tags_held_digest(const struct tags_held *held, const char *reference)
{
	const char *digest = held ? map_get(held->by_reference, reference) : NULL;

	return digest ? digest : "";
}

void tags_held_free(struct tags_held *held)
{
	if (!held)
		return;
	for (size_t i = 0; i < held->len; i++)
		ref_free(&held->heads[i].ref);
	map_free(held->by_reference);
	free(held->heads);
	free(held->askers);
	free(held);
}

int tags_check(struct plan *plan, struct registry *registry, struct tags_held **ret, struct error **err)
{
	struct tags_held *held = mem_alloc(sizeof(*held));
	int r;

	held->by_reference = map_new();
	r = tags_check_collect(plan, held, err);
	if (r == 0 && held->len > 0)
		r = heads_ask(registry, held->heads, held->len, true, err);
	if (r < 0) {
		tags_held_free(held);
		return -1;
	}
	tags_check_judge(plan, held);
	doubt_content(plan);
	*ret = held;
	return 0;
}
