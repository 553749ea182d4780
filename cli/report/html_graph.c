#include "config.h"

#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/mem.h"
#include "base/text.h"
#include "cli/report/html.h"
#include "cli/report/html_boxes.h"
#include "cli/report/past.h"

/* What needed what: services, and on request their nodes. */

struct arrows {
	struct html_arrow *items;
	size_t len, cap;
};

static void arrows_add(struct arrows *arrows, size_t from, size_t to, bool critical)
{
	for (size_t i = 0; i < arrows->len; i++) {
		struct html_arrow *arrow = &arrows->items[i];

		if (arrow->from == from && arrow->to == to) {
			arrow->critical = arrow->critical || critical;
			return;
		}
	}
	mem_reserve(&arrows->items, &arrows->cap, arrows->len + 1, sizeof(*arrows->items));
	arrows->items[arrows->len++] = (struct html_arrow){ from, to, critical };
}

/* ---- nodes ---- */

/* Also needed by another of its dependencies: the arrow would be redundant. */
static bool is_indirect(const struct past *past, const struct past_node *node, size_t need)
{
	for (size_t i = 0; i < node->needs_len; i++) {
		const struct past_node *other = &past->nodes[node->needs[i]];

		for (size_t j = 0; j < other->needs_len; j++) {
			if (other->needs[j] == need)
				return true;
		}
	}
	return false;
}

static struct html_box node_box(const struct past *past, size_t number)
{
	const struct past_node *node = &past->nodes[number];
	const char *outcome = past_outcome(node);

	return (struct html_box){
		.title = mem_printf("%s: %s%s%s", node->id, outcome, *node->reasons ? "\n" : "", node->reasons),
		.first = mem_printf("%s %s", node->kind, node->service),
		.second = mem_printf("%s%s%s", node->platform ? node->platform : "", node->platform ? ", " : "", outcome),
		.state = mem_strdup(outcome),
		.href = mem_printf("#node%zu", number),
		.critical = node->critical,
	};
}

static void node_graph(const struct past *past, struct buf *out)
{
	struct html_box *boxes = mem_array(past->len + 1, sizeof(*boxes));
	struct arrows arrows = { 0 };

	for (size_t i = 0; i < past->len; i++) {
		const struct past_node *node = &past->nodes[i];

		boxes[i] = node_box(past, i);
		for (size_t j = 0; j < node->needs_len; j++)
			if (!is_indirect(past, node, node->needs[j]))
				arrows_add(&arrows, node->needs[j], i,
					   node->critical && past->nodes[node->needs[j]].critical);
	}
	html_boxes("Graph of nodes", boxes, past->len, arrows.items, arrows.len, out);
	html_boxes_free(boxes, past->len);
	free(arrows.items);
}

/* ---- services ---- */

/* By numbers of services. */
static struct arrows service_arrows(const struct past *past)
{
	struct arrows arrows = { 0 };

	for (size_t i = 0; i < past->len; i++) {
		const struct past_node *node = &past->nodes[i];

		for (size_t j = 0; j < node->needs_len; j++) {
			const struct past_node *need = &past->nodes[node->needs[j]];

			if (need->service_number != node->service_number)
				arrows_add(&arrows, need->service_number, node->service_number,
					   need->critical && node->critical);
		}
	}
	return arrows;
}

/* Each after those that it needs. Nodes have no cycles, but services may: there the first of them is taken. */
static size_t *place_services(size_t services, const struct arrows *arrows)
{
	size_t *places = mem_array(services + 1, sizeof(*places));
	cleanup_free size_t *missing = mem_array(services + 1, sizeof(*missing)); /* how many of those have no place yet */

	memset(places, 0xff, services * sizeof(*places));
	for (size_t i = 0; i < arrows->len; i++)
		missing[arrows->items[i].to]++;
	for (size_t place = 0; place < services; place++) {
		size_t next = services;

		for (size_t i = 0; i < services && (next == services || missing[next] > 0); i++)
			if (places[i] == SIZE_MAX && (next == services || missing[i] == 0))
				next = i;
		places[next] = place;
		for (size_t i = 0; i < arrows->len; i++)
			missing[arrows->items[i].to] -= arrows->items[i].from == next;
	}
	return places;
}

static struct html_box service_box(const struct past *past, size_t service)
{
	struct buf title = { 0 }, second = { 0 };
	const struct past_node *worst = NULL;
	bool critical = false;
	uint64_t took_ms = 0;

	for (size_t i = 0; i < past->len; i++) {
		const struct past_node *node = &past->nodes[i];

		if (node->service_number != service)
			continue;
		buf_printf(&title, "%s%s%s%s: %s", title.len ? "\n" : "", node->kind, node->platform ? " " : "",
			   node->platform ? node->platform : "", past_outcome(node));
		worst = !worst || past_worse(node, worst) ? node : worst;
		critical = critical || node->critical;
		took_ms += node->ran ? node->took_ms : 0;
	}
	buf_str(&second, past_outcome(worst));
	if (took_ms > 0) {
		buf_str(&second, ", ");
		text_duration(&second, took_ms);
	}
	return (struct html_box){
		.title = buf_steal(&title),
		.first = mem_strdup(worst->service),
		.second = buf_steal(&second),
		.state = mem_strdup(past_outcome(worst)),
		.href = mem_printf("#service%zu", service),
		.critical = critical,
	};
}

static void service_graph(const struct past *past, struct buf *out)
{
	size_t len = past->services_len, kept = 0;
	struct html_box *boxes = mem_array(len + 1, sizeof(*boxes));
	struct arrows arrows = service_arrows(past);
	cleanup_free size_t *places = place_services(len, &arrows);

	for (size_t i = 0; i < len; i++)
		boxes[places[i]] = service_box(past, i);
	for (size_t i = 0; i < arrows.len; i++) {
		const struct html_arrow *arrow = &arrows.items[i];

		if (places[arrow->from] < places[arrow->to]) /* else it closes a cycle, which the nodes' graph shows */
			arrows.items[kept++] =
				(struct html_arrow){ places[arrow->from], places[arrow->to], arrow->critical };
	}
	html_boxes("Graph of services", boxes, len, arrows.items, kept, out);
	html_boxes_free(boxes, len);
	free(arrows.items);
}

void html_graph(const struct past *past, struct buf *out)
{
	buf_str(out, "<h2 id=\"graph\">What needed what</h2>\n");
	service_graph(past, out);
	buf_printf(out, "<details id=\"by-node\"><summary>By node (%zu)</summary>\n", past->len);
	node_graph(past, out);
	buf_str(out, "</details>\n");
}
