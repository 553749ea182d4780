#include "config.h"

#include <stdbool.h>
#include <string.h>

#include "base/buf.h"
#include "base/mem.h"
#include "base/table.h"
#include "cli/report/graph_text.h"
#include "cli/report/needs.h"
#include "cli/report/reporter.h"
#include "engine/plan/plan.h"

struct tree {
	struct plan *plan;
	struct needs *needs;
	struct buf *out;
	struct buf lines; /* before the node: the branches of those above it */
	bool *shown;
};

static void graph_text_add_line(struct tree *tree, size_t number, bool again)
{
	const struct node *node = plan_node(tree->plan, number);
	cleanup_buf struct buf reasons = { 0 };

	buf_str(tree->out, node->id);
	if (again) {
		buf_str(tree->out, "  (above)\n");
		return;
	}
	buf_printf(tree->out, "  %s", node_state_name(node->state));
	/* The nodes below show what an unknown node waits for. */
	if (node->state == NODE_STALE && report_reasons(&reasons, node))
		buf_printf(tree->out, ": %s", reasons.data);
	buf_char(tree->out, '\n');
}

static void add_tree(struct tree *tree, size_t number)
{
	size_t len, before = tree->lines.len;
	const size_t *needs = needs_of(tree->needs, number, &len);
	bool again = tree->shown[number] && len > 0;

	graph_text_add_line(tree, number, again);
	tree->shown[number] = true;
	for (size_t i = 0; i < len && !again; i++) {
		bool last = i + 1 == len;

		buf_printf(tree->out, "%s%s", tree->lines.data ? tree->lines.data : "", last ? "└─ " : "├─ ");
		buf_str(&tree->lines, last ? "   " : "│  ");
		add_tree(tree, needs[i]);
		tree->lines.len = before;
		tree->lines.data[before] = '\0';
	}
}

void graph_text(struct plan *plan, struct buf *out)
{
	size_t len = plan_len(plan);
	cleanup_free bool *needed = mem_array(len + 1, sizeof(*needed));
	cleanup_free bool *shown = mem_array(len + 1, sizeof(*shown));
	cleanup_needs struct needs *needs = needs_new(plan);
	struct tree tree = { plan, needs, out, { 0 }, shown };

	for (size_t i = 0; i < len; i++) {
		for (size_t j = 0; j < plan_node(plan, i)->needs_len; j++)
			needed[plan_node(plan, i)->needs[j]] = true;
	}
	for (size_t i = 0; i < len; i++) {
		if (!needed[i])
			add_tree(&tree, i);
	}
	buf_free(&tree.lines);
}

/* Node ids consist of letters, digits and a few signs that need no escaping in either language (base/ref.h). */

void graph_dot(struct plan *plan, struct buf *out)
{
	static const char *const styles[] = {
		"color=\"#1a7f37\"",                           /* fresh */
		"color=\"#bc4c00\", penwidth=2",               /* stale */
		"color=\"#57606a\", style=\"rounded,dashed\"", /* unknown */
	};
	TABLE_COMPLETE(styles, NODE_STATES);
	cleanup_needs struct needs *needs = needs_new(plan);

	buf_str(out, "digraph cbuild {\n\trankdir=LR;\n\tnode [shape=box, style=rounded, fontname=\"sans-serif\"];\n");
	for (size_t i = 0; i < plan_len(plan); i++) {
		const struct node *node = plan_node(plan, i);
		size_t len;
		const size_t *list = needs_of(needs, i, &len);

		buf_printf(out, "\t\"%s\" [label=\"%s\\n%s\", %s];\n", node->id, node->id, node_state_name(node->state),
			   styles[node->state]);
		for (size_t j = 0; j < len; j++)
			buf_printf(out, "\t\"%s\" -> \"%s\";\n", plan_node(plan, list[j])->id, node->id);
	}
	buf_str(out, "}\n");
}

void graph_mermaid(struct plan *plan, struct buf *out)
{
	cleanup_needs struct needs *needs = needs_new(plan);

	buf_str(out, "flowchart LR\n"
		     "\tclassDef fresh stroke:#1a7f37\n"
		     "\tclassDef stale stroke:#bc4c00,stroke-width:3px\n"
		     "\tclassDef unknown stroke:#57606a,stroke-dasharray:4\n");
	for (size_t i = 0; i < plan_len(plan); i++) {
		const struct node *node = plan_node(plan, i);
		size_t len;
		const size_t *list = needs_of(needs, i, &len);

		buf_printf(out, "\tn%zu[\"%s<br>%s\"]:::%s\n", i, node->id, node_state_name(node->state),
			   node_state_name(node->state));
		for (size_t j = 0; j < len; j++)
			buf_printf(out, "\tn%zu --> n%zu\n", list[j], i);
	}
}
