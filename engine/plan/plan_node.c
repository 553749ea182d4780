#include "config.h"

#include <stdlib.h>
#include <string.h>

#include "base/bug.h"
#include "base/mem.h"
#include "base/table.h"
#include "base/text.h"
#include "engine/plan/plan_node.h"

const char *node_kind_name(enum node_kind kind)
{
	static const char *const names[] = { "prepare", "build",  "output", "convert", "index",
					     "load",    "verify", "push",   "tag" };
	TABLE_COMPLETE(names, NODE_KINDS);

	bug_if(kind >= NODE_KINDS, "kind %d", (int)kind);
	return names[kind];
}

const char *node_state_name(enum node_state state)
{
	static const char *const names[] = { "fresh", "stale", "unknown" };
	TABLE_COMPLETE(names, NODE_STATES);

	bug_if(state >= NODE_STATES, "state %d", (int)state);
	return names[state];
}

const char *reason_kind_name(enum reason_kind kind)
{
	static const char *const names[] = { "new", "file",       "dockerfile", "arg",     "base",
					     "url", "dependency", "option",     "missing", "forced" };
	TABLE_COMPLETE(names, REASON_KINDS);

	bug_if(kind >= REASON_KINDS, "kind %d", (int)kind);
	return names[kind];
}

void node_need(struct node *node, size_t need)
{
	for (size_t i = 0; i < node->needs_len; i++) {
		if (node->needs[i] == need)
			return;
	}
	bug_if(need == NO_NODE, "%s needs a node that does not exist", node->id ? node->id : "a new node");
	mem_reserve(&node->needs, &node->needs_cap, node->needs_len + 1, sizeof(*node->needs));
	node->needs[node->needs_len++] = need;
}

void node_reason(struct node *node, enum reason_kind kind, const char *what, const char *change)
{
	const struct reason *last = node->reasons_len ? &node->reasons[node->reasons_len - 1] : NULL;

	bug_if(!what, "%s has an unnamed reason", node->id);
	/* A base that two instructions name. */
	if (last && last->kind == kind && strcmp(last->what, what) == 0 && text_same(last->change, change))
		return;
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
