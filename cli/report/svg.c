#include "config.h"

#include <string.h>

#include "base/buf.h"
#include "base/mem.h"
#include "base/platform.h"
#include "cli/report/graph_text.h"
#include "cli/report/html.h"
#include "cli/report/layers.h"
#include "cli/report/needs.h"
#include "cli/report/reporter.h"
#include "dsl/manifest.h"
#include "engine/plan/plan.h"

/* In pixels. */
#define LETTER 7.3 /* width of a character, 12 pixels high, in a monospaced font */
#define BOX_HEIGHT 40
#define ROW_HEIGHT 54
#define PADDING 12 /* inside a box, and around the picture */
#define COLUMN_GAP 56
#define LEGEND_HEIGHT 34

static const char style[] =
	"text { font: 12px ui-monospace, 'DejaVu Sans Mono', Menlo, Consolas, monospace; fill: #1f2328; }\n"
	".small { font-size: 10.5px; fill: #57606a; }\n"
	".page { fill: #ffffff; }\n"
	"rect.box { fill: #f6f8fa; stroke-width: 1.5; }\n"
	"path { fill: none; stroke: #8c959f; stroke-width: 1.2; }\n"
	".fresh .box { stroke: #1a7f37; }\n"
	".stale .box { stroke: #bc4c00; stroke-width: 2.5; }\n"
	".unknown .box { stroke: #57606a; stroke-dasharray: 5 3; } .unknown .mark { fill: #57606a; }\n"
	"@media (prefers-color-scheme: dark) {\n"
	"text { fill: #e6edf3; } .small { fill: #9198a1; } .page { fill: #0d1117; } rect.box { fill: #161b22; }\n"
	"path { stroke: #6e7681; }\n"
	".fresh .box { stroke: #3fb950; }\n"
	".stale .box { stroke: #f0883e; }\n"
	".unknown .box { stroke: #9198a1; }\n"
	"}\n";

struct svg_picture {
	struct plan *plan;
	struct buf *out;
	struct layers *layers;
	double *columns; /* left edge of each; one more: the right edge of the last */
};

static void add_label(struct buf *first, struct buf *second, struct plan *plan, const struct node *node)
{
	char platform[PLATFORM_TEXT];

	buf_printf(first, "%s %s", node_kind_name(node->kind), plan_manifest(plan)->services[node->service].name.s);
	if (node->has_platform) {
		platform_text(&node->platform, platform);
		buf_printf(second, "%s, ", platform);
	}
	buf_str(second, node_state_name(node->state));
}

static double svg_box_width(struct plan *plan, const struct node *node)
{
	cleanup_buf struct buf first = { 0 }, second = { 0 };

	add_label(&first, &second, plan, node);
	return LETTER * (double)(first.len > second.len ? first.len : second.len) + 2 * PADDING;
}

static void svg_find_columns(struct svg_picture *picture)
{
	size_t len = plan_len(picture->plan);
	cleanup_free double *widths = mem_array(len + 1, sizeof(*widths));

	for (size_t i = 0; i < len; i++)
		widths[i] = svg_box_width(picture->plan, plan_node(picture->plan, i));
	picture->columns = layers_columns(picture->layers, widths, len, PADDING, COLUMN_GAP);
}

static double svg_column_end(const struct svg_picture *picture, size_t column)
{
	return picture->columns[column + 1] - COLUMN_GAP;
}

static double svg_middle(double row)
{
	return LEGEND_HEIGHT + PADDING + row * ROW_HEIGHT + BOX_HEIGHT / 2.0;
}

/* From the current point to one in a later column, leaving and arriving horizontally. */
static void svg_add_curve(struct buf *out, double x, double y, double to_x, double to_y)
{
	double half = (x + to_x) / 2;

	buf_printf(out, " C%.1f %.1f %.1f %.1f %.1f %.1f", half, y, half, to_y, to_x, to_y);
}

static void svg_add_edge(struct svg_picture *picture, size_t number, size_t from, size_t to)
{
	size_t len, column = layers_of(picture->layers, from);
	const double *bends = layers_bends(picture->layers, number, &len);
	double x = svg_column_end(picture, column), y = svg_middle(layers_row(picture->layers, from));

	buf_printf(picture->out, "<path d=\"M%.1f %.1f", x, y);
	for (size_t i = 0; i < len; i++) {
		double bend = svg_middle(bends[i]);

		column++;
		svg_add_curve(picture->out, x, y, picture->columns[column], bend);
		x = svg_column_end(picture, column);
		y = bend;
		buf_printf(picture->out, " H%.1f", x);
	}
	svg_add_curve(picture->out, x, y, picture->columns[column + 1] - 6, svg_middle(layers_row(picture->layers, to)));
	buf_str(picture->out, "\" marker-end=\"url(#tip)\"/>\n");
}

static void svg_add_box(struct svg_picture *picture, size_t number)
{
	const struct node *node = plan_node(picture->plan, number);
	size_t column = layers_of(picture->layers, number);
	double x = picture->columns[column], y = svg_middle(layers_row(picture->layers, number)) - BOX_HEIGHT / 2.0;
	cleanup_buf struct buf first = { 0 }, second = { 0 }, reasons = { 0 };

	add_label(&first, &second, picture->plan, node);
	report_reasons(&reasons, node);
	buf_printf(picture->out, "<g class=\"%s\"><title>", node_state_name(node->state));
	html_bytes(picture->out, node->id, strlen(node->id));
	buf_printf(picture->out, ": %s", node_state_name(node->state));
	if (reasons.len) {
		buf_str(picture->out, ": ");
		html_bytes(picture->out, reasons.data, reasons.len);
	}
	buf_printf(picture->out,
		   "</title><rect class=\"box\" x=\"%.1f\" y=\"%.1f\" width=\"%.1f\" height=\"%d\" rx=\"6\"/><text x=\"%.1f\" y=\"%.1f\">",
		   x, y, svg_column_end(picture, column) - x, BOX_HEIGHT, x + PADDING, y + 17);
	html_bytes(picture->out, first.data, first.len);
	buf_printf(picture->out, "</text><text class=\"small\" x=\"%.1f\" y=\"%.1f\">", x + PADDING, y + 32);
	html_bytes(picture->out, second.data, second.len);
	buf_str(picture->out, "</text></g>\n");
}

static double add_legend(struct svg_picture *picture)
{
	double x = PADDING;

	for (int state = NODE_FRESH; state <= NODE_UNKNOWN; state++) {
		cleanup_buf struct buf text = { 0 };
		size_t count = 0;

		for (size_t i = 0; i < plan_len(picture->plan); i++)
			count += (int)plan_node(picture->plan, i)->state == state;
		buf_printf(&text, "%zu %s", count, node_state_name((enum node_state)state));
		buf_printf(picture->out,
			   "<g class=\"%s\"><rect class=\"box\" x=\"%.1f\" y=\"%d\" width=\"14\" height=\"14\" rx=\"3\"/><text x=\"%.1f\" y=\"%d\">%s</text></g>\n",
			   node_state_name((enum node_state)state), x, PADDING, x + 20, PADDING + 11, text.data);
		x += 20 + LETTER * (double)text.len + 2 * PADDING;
	}
	return x;
}

static void svg_draw(struct svg_picture *picture, const struct layers_edge *edges, size_t edges_len)
{
	cleanup_buf struct buf body = { 0 };
	struct buf *out = picture->out;
	size_t columns = layers_count(picture->layers);
	double width = (columns ? svg_column_end(picture, columns - 1) : 0) + PADDING;
	double height = svg_middle(layers_rows(picture->layers)) + BOX_HEIGHT / 2.0 + PADDING;
	double legend;

	picture->out = &body;
	legend = add_legend(picture);
	width = legend > width ? legend : width;
	for (size_t i = 0; i < edges_len; i++)
		svg_add_edge(picture, i, edges[i].from, edges[i].to);
	for (size_t i = 0; i < plan_len(picture->plan); i++)
		svg_add_box(picture, i);
	picture->out = out;
	buf_printf(out,
		   "<svg xmlns=\"http://www.w3.org/2000/svg\" role=\"img\" width=\"%.0f\" height=\"%.0f\" viewBox=\"0 0 %.0f %.0f\">\n<title>What cbuild would do</title>\n<style>\n%s</style>\n"
		   "<defs><marker id=\"tip\" viewBox=\"0 0 8 8\" refX=\"2\" refY=\"4\" markerWidth=\"7\" markerHeight=\"7\" orient=\"auto\"><path d=\"M0 0.5 L7 4 L0 7.5\"/></marker></defs>\n"
		   "<rect class=\"page\" width=\"100%%\" height=\"100%%\"/>\n",
		   width, height, width, height, style);
	buf_add(out, body.data, body.len);
	buf_str(out, "</svg>\n");
}

void graph_svg(struct plan *plan, struct buf *out)
{
	cleanup_free struct layers_edge *edges = NULL;
	cleanup_needs struct needs *needs = needs_new(plan);
	size_t len = 0, cap = 0;
	struct svg_picture picture = { .plan = plan, .out = out };

	for (size_t i = 0; i < plan_len(plan); i++) {
		size_t needs_len;
		const size_t *list = needs_of(needs, i, &needs_len);

		for (size_t j = 0; j < needs_len; j++) {
			mem_reserve(&edges, &cap, len + 1, sizeof(*edges));
			edges[len++] = (struct layers_edge){ list[j], i };
		}
	}
	picture.layers = layers_new(plan_len(plan), edges, len);
	svg_find_columns(&picture);
	svg_draw(&picture, edges, len);
	layers_free(picture.layers);
	mem_cleanup(&picture.columns);
}
