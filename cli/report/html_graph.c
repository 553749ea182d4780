#include "config.h"

#include <string.h>

#include "base/buf.h"
#include "base/mem.h"
#include "cli/report/html.h"
#include "cli/report/layers.h"
#include "cli/report/past.h"

/* In pixels. */
#define LETTER 7.3
#define BOX_HEIGHT 38
#define ROW_HEIGHT 50
#define PADDING 10
#define COLUMN_GAP 46

struct html_picture {
	const struct past *past;
	struct layers *layers;
	double *columns; /* where each begins; one more: where the last ends */
	struct buf *out;
};

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

static const char *second_line(const struct past_node *node)
{
	return node->outcome ? node->outcome : "fresh";
}

static double html_graph_box_width(const struct past_node *node)
{
	size_t first = strlen(node->kind) + 1 + strlen(node->service);
	size_t second = (node->platform ? strlen(node->platform) + 2 : 0) + strlen(second_line(node));

	return LETTER * (double)(first > second ? first : second) + 2 * PADDING;
}

static void html_graph_find_columns(struct html_picture *picture)
{
	size_t len = picture->past->len;
	cleanup_free double *widths = mem_array(len + 1, sizeof(*widths));

	for (size_t i = 0; i < len; i++)
		widths[i] = html_graph_box_width(&picture->past->nodes[i]);
	picture->columns = layers_columns(picture->layers, widths, len, PADDING, COLUMN_GAP);
}

static double html_graph_column_end(const struct html_picture *picture, size_t column)
{
	return picture->columns[column + 1] - COLUMN_GAP;
}

static double html_graph_middle(double row)
{
	return PADDING + row * ROW_HEIGHT + BOX_HEIGHT / 2.0;
}

static void html_graph_add_curve(struct buf *out, double x, double y, double to_x, double to_y)
{
	double half = (x + to_x) / 2;

	buf_printf(out, " C%.1f %.1f %.1f %.1f %.1f %.1f", half, y, half, to_y, to_x, to_y);
}

static void html_graph_add_edge(struct html_picture *picture, size_t number, const struct layers_edge *edge)
{
	size_t len, column = layers_of(picture->layers, edge->from);
	const double *bends = layers_bends(picture->layers, number, &len);
	double x = html_graph_column_end(picture, column), y = html_graph_middle(layers_row(picture->layers, edge->from));
	bool critical = picture->past->nodes[edge->from].critical && picture->past->nodes[edge->to].critical;

	buf_printf(picture->out, "<path class=\"edge%s\" d=\"M%.1f %.1f", critical ? " critical" : "", x, y);
	for (size_t i = 0; i < len; i++) {
		column++;
		html_graph_add_curve(picture->out, x, y, picture->columns[column], html_graph_middle(bends[i]));
		x = html_graph_column_end(picture, column);
		y = html_graph_middle(bends[i]);
		buf_printf(picture->out, " H%.1f", x);
	}
	html_graph_add_curve(picture->out, x, y, picture->columns[column + 1],
			     html_graph_middle(layers_row(picture->layers, edge->to)));
	buf_str(picture->out, "\"/>\n");
}

static void html_graph_add_box(struct html_picture *picture, size_t number)
{
	const struct past_node *node = &picture->past->nodes[number];
	size_t column = layers_of(picture->layers, number);
	double x = picture->columns[column],
	       y = html_graph_middle(layers_row(picture->layers, number)) - BOX_HEIGHT / 2.0;
	struct buf *out = picture->out;

	buf_printf(out, "<a href=\"#node%zu\" class=\"box %so-", number, node->critical ? "critical " : "");
	html_text(out, second_line(node));
	buf_str(out, "\"><title>");
	html_text(out, node->id);
	buf_str(out, ": ");
	html_text(out, second_line(node));
	if (*node->reasons) {
		buf_char(out, '\n');
		html_text(out, node->reasons);
	}
	buf_printf(out,
		   "</title><rect x=\"%.1f\" y=\"%.1f\" width=\"%.1f\" height=\"%d\" rx=\"5\"/><text x=\"%.1f\" y=\"%.1f\">",
		   x, y, html_graph_column_end(picture, column) - x, BOX_HEIGHT, x + PADDING, y + 16);
	html_text(out, node->kind);
	buf_char(out, ' ');
	html_text(out, node->service);
	buf_printf(out, "</text><text class=\"small\" x=\"%.1f\" y=\"%.1f\">", x + PADDING, y + 30);
	if (node->platform) {
		html_text(out, node->platform);
		buf_str(out, ", ");
	}
	html_text(out, second_line(node));
	buf_str(out, "</text></a>\n");
}

static void html_graph_draw(struct html_picture *picture, const struct layers_edge *edges, size_t edges_len)
{
	size_t columns = layers_count(picture->layers);
	double width = (columns ? html_graph_column_end(picture, columns - 1) : 0) + PADDING;
	double height = html_graph_middle(layers_rows(picture->layers)) + BOX_HEIGHT / 2.0 + PADDING;

	buf_printf(picture->out,
		   "<div class=\"scroll\" tabindex=\"0\" role=\"group\" aria-label=\"Graph\">"
		   "<svg width=\"%.0f\" height=\"%.0f\" viewBox=\"0 0 %.0f %.0f\" role=\"group\">\n",
		   width, height, width, height);
	for (size_t i = 0; i < edges_len; i++)
		html_graph_add_edge(picture, i, &edges[i]);
	for (size_t i = 0; i < picture->past->len; i++)
		html_graph_add_box(picture, i);
	buf_str(picture->out, "</svg></div>\n");
}

void html_graph(const struct past *past, struct buf *out)
{
	struct html_picture picture = { .past = past, .out = out };
	cleanup_free struct layers_edge *edges = NULL;
	size_t len = 0, cap = 0;

	for (size_t i = 0; i < past->len; i++) {
		for (size_t j = 0; j < past->nodes[i].needs_len; j++) {
			size_t need = past->nodes[i].needs[j];

			if (is_indirect(past, &past->nodes[i], need))
				continue;
			mem_reserve(&edges, &cap, len + 1, sizeof(*edges));
			edges[len++] = (struct layers_edge){ need, i };
		}
	}
	picture.layers = layers_new(past->len, edges, len);
	html_graph_find_columns(&picture);
	html_graph_draw(&picture, edges, len);
	layers_free(picture.layers);
	mem_cleanup(&picture.columns);
}
