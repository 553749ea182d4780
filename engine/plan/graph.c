#include "config.h"

#include <stdlib.h>

#include "base/bug.h"
#include "base/mem.h"
#include "engine/plan/graph.h"

const char *node_kind_name(enum node_kind kind)
{
	static const char *const names[] = { "prepare", "build", "convert", "index", "load", "verify", "push", "tag" };

	_Static_assert(sizeof(names) / sizeof(names[0]) == NODE_TAG + 1, "every one has a name");
	bug_if((size_t)kind > NODE_TAG, "kind %d", (int)kind);
	return names[kind];
}

const char *node_state_name(enum node_state state)
{
	static const char *const names[] = { "fresh", "stale", "unknown" };

	_Static_assert(sizeof(names) / sizeof(names[0]) == NODE_UNKNOWN + 1, "every one has a name");
	bug_if((size_t)state > NODE_UNKNOWN, "state %d", (int)state);
	return names[state];
}

const char *reason_kind_name(enum reason_kind kind)
{
	static const char *const names[] = { "new",        "file",   "dockerfile", "arg",   "base",
					     "dependency", "option", "missing",    "forced" };

	_Static_assert(sizeof(names) / sizeof(names[0]) == REASON_FORCED + 1, "every one has a name");
	bug_if((size_t)kind > REASON_FORCED, "kind %d", (int)kind);
	return names[kind];
}

void node_need(struct node *node, size_t need)
{
	for (size_t i = 0; i < node->needs_len; i++) {
		if (node->needs[i] == need)
			return;
	}
	mem_reserve(&node->needs, &node->needs_cap, node->needs_len + 1, sizeof(*node->needs));
	node->needs[node->needs_len++] = need;
}

void node_reason(struct node *node, enum reason_kind kind, const char *what, const char *change)
{
	mem_reserve(&node->reasons, &node->reasons_cap, node->reasons_len + 1, sizeof(*node->reasons));
	node->reasons[node->reasons_len++] = (struct reason){ .kind = kind, .what = what, .change = change };
}

void node_clear(struct node *node)
{
	free(node->needs);
	free(node->reasons);
	node->needs = NULL;
	node->reasons = NULL;
	node->needs_len = node->needs_cap = node->reasons_len = node->reasons_cap = 0;
}
