#include "config.h"

#include "engine/exec/tags_check.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/mem.h"
#include "engine/plan/plan.h"
#include "engine/registry/heads.h"

/* The service a question's tag belongs to. */
struct asker {
	size_t node;           /* the tag node */
	const char *reference; /* of the plan */
};

/* A head and an asker each. */
struct release_inquiry {
	struct head *heads;
	struct asker *askers;
	size_t len, heads_cap, askers_cap;
};

static int tags_check_collect(struct plan *plan, struct release_inquiry *inquiry, struct error **err)
{
	for (size_t i = 0; i < plan_len(plan); i++) {
		const struct node *node = plan_node(plan, i);
		const char *const *references;

		if (node->kind != NODE_TAG || node->state != NODE_FRESH)
			continue;
		for (references = node->references; *references; references++) {
			mem_reserve(&inquiry->heads, &inquiry->heads_cap, inquiry->len + 1, sizeof(*inquiry->heads));
			mem_reserve(&inquiry->askers, &inquiry->askers_cap, inquiry->len + 1, sizeof(*inquiry->askers));
			inquiry->askers[inquiry->len] = (struct asker){ i, *references };
			if (!ref_parse(*references, &inquiry->heads[inquiry->len++].ref, NULL))
				return error_make(err, ERROR_INTERNAL, "%s is not an image reference", *references);
		}
	}
	return 0;
}

/* A tag is to be put on content that nobody asked about: pushing finds out whether it is there. */
static void doubt_content(struct plan *plan)
{
	for (size_t i = 0; i < plan_len(plan); i++) {
		const struct node *tag = plan_node(plan, i);

		if (tag->kind == NODE_TAG && tag->state != NODE_FRESH &&
		    plan_node(plan, tag->needs[0])->state == NODE_FRESH)
			plan_doubt(plan, tag->needs[0], "its content in the registry", "to be looked for");
	}
}

static void tags_check_judge(struct plan *plan, const struct release_inquiry *inquiry)
{
	for (size_t i = 0; i < inquiry->len; i++) {
		const struct head *head = &inquiry->heads[i];
		const struct asker *asker = &inquiry->askers[i];
		const struct node *tag = plan_node(plan, asker->node);
		const char *change = head->found ? "another image now" : "gone";

		if (head->found && tag->result.digest && strcmp(head->digest, tag->result.digest) == 0)
			continue;
		plan_doubt(plan, asker->node, asker->reference, change);
		plan_doubt(plan, tag->needs[0], asker->reference, change);
	}
}

int tags_check(struct plan *plan, struct registry *registry, struct error **err)
{
	struct release_inquiry inquiry = { 0 };
	int r = tags_check_collect(plan, &inquiry, err);

	if (r == 0 && inquiry.len > 0)
		r = heads_ask(registry, inquiry.heads, inquiry.len, true, err);
	if (r == 0)
		tags_check_judge(plan, &inquiry);
	doubt_content(plan);
	for (size_t i = 0; i < inquiry.len; i++)
		ref_free(&inquiry.heads[i].ref);
	free(inquiry.heads);
	free(inquiry.askers);
	return r;
}
