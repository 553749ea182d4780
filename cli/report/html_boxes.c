#include "config.h"

#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/mem.h"
#include "cli/report/html.h"
#include "cli/report/html_boxes.h"
#include "cli/report/layers.h"

/* In pixels. */
#define LETTER 7.3
#define BOX_HEIGHT 38
#define ROW_HEIGHT 50
#define PADDING 10
#define COLUMN_GAP 46

struct html_picture {
	const struct html_box *boxes;
	struct layers *layers;
	double *columns; /* where each begins; one more: where the last ends */
	struct buf *out;
};

static double html_boxes_width(const struct html_box *box)
{
	size_t first = strlen(box->first), second = strlen(box->second);

	return LETTER * (double)(first > second ? first : second) + 2 * PADDING;
}

static double html_boxes_column_end(const struct html_picture *picture, size_t column)
{
	return picture->columns[column + 1] - COLUMN_GAP;
}

static double html_boxes_middle(double row)
{
	return PADDING + row * ROW_HEIGHT + BOX_HEIGHT / 2.0;
}

static void html_boxes_add_curve(struct buf *out, double x, double y, double to_x, double to_y)
{
	double half = (x + to_x) / 2;

	buf_printf(out, " C%.1f %.1f %.1f %.1f %.1f %.1f", half, y, half, to_y, to_x, to_y);
}

static void html_boxes_add_arrow(struct html_picture *picture, size_t number, const struct html_arrow *arrow)
{
	size_t len, column = layers_of(picture->layers, arrow->from);
	const double *bends = layers_bends(picture->layers, number, &len);
	double x = html_boxes_column_end(picture, column),
	       y = html_boxes_middle(layers_row(picture->layers, arrow->from));

	buf_printf(picture->out, "<path class=\"edge%s\" d=\"M%.1f %.1f", arrow->critical ? " critical" : "", x, y);
	for (size_t i = 0; i < len; i++) {
		column++;
		html_boxes_add_curve(picture->out, x, y, picture->columns[column], html_boxes_middle(bends[i]));
		x = html_boxes_column_end(picture, column);
		y = html_boxes_middle(bends[i]);
		buf_printf(picture->out, " H%.1f", x);
	}
	html_boxes_add_curve(picture->out, x, y, picture->columns[column + 1],
			     html_boxes_middle(layers_row(picture->layers, arrow->to)));
	buf_str(picture->out, "\"/>\n");
}

static void html_boxes_add(struct html_picture *picture, size_t number)
{
	const struct html_box *box = &picture->boxes[number];
	size_t column = layers_of(picture->layers, number);
	double x = picture->columns[column],
	       y = html_boxes_middle(layers_row(picture->layers, number)) - BOX_HEIGHT / 2.0;
	struct buf *out = picture->out;

	buf_printf(out, "<a href=\"%s\" class=\"box %so-", box->href, box->critical ? "critical " : "");
	html_text(out, box->state);
	buf_str(out, "\"><title>");
	html_text(out, box->title);
	buf_printf(out,
		   "</title><rect x=\"%.1f\" y=\"%.1f\" width=\"%.1f\" height=\"%d\" rx=\"5\"/><text x=\"%.1f\" y=\"%.1f\">",
		   x, y, html_boxes_column_end(picture, column) - x, BOX_HEIGHT, x + PADDING, y + 16);
	html_text(out, box->first);
	buf_printf(out, "</text><text class=\"small\" x=\"%.1f\" y=\"%.1f\">", x + PADDING, y + 30);
	html_text(out, box->second);
	buf_str(out, "</text></a>\n");
}

static void html_boxes_draw(struct html_picture *picture, const char *label, size_t boxes_len,
			    const struct html_arrow *arrows, size_t arrows_len)
{
	size_t columns = layers_count(picture->layers);
	double width = (columns ? html_boxes_column_end(picture, columns - 1) : 0) + PADDING;
	double height = html_boxes_middle(layers_rows(picture->layers)) + BOX_HEIGHT / 2.0 + PADDING;

	buf_printf(picture->out,
		   "<div class=\"scroll\" tabindex=\"0\" role=\"group\" aria-label=\"%s\">"
		   "<svg width=\"%.0f\" height=\"%.0f\" viewBox=\"0 0 %.0f %.0f\" role=\"group\">\n",
		   label, width, height, width, height);
	for (size_t i = 0; i < arrows_len; i++)
		html_boxes_add_arrow(picture, i, &arrows[i]);
	for (size_t i = 0; i < boxes_len; i++)
		html_boxes_add(picture, i);
	buf_str(picture->out, "</svg></div>\n");
}

void html_boxes(const char *label, const struct html_box *boxes, size_t boxes_len, const struct html_arrow *arrows,
		size_t arrows_len, struct buf *out)
{
	struct html_picture picture = { .boxes = boxes, .out = out };
	cleanup_free struct layers_edge *edges = mem_array(arrows_len + 1, sizeof(*edges));
	cleanup_free double *widths = mem_array(boxes_len + 1, sizeof(*widths));

	for (size_t i = 0; i < arrows_len; i++)
		edges[i] = (struct layers_edge){ arrows[i].from, arrows[i].to };
	for (size_t i = 0; i < boxes_len; i++)
		widths[i] = html_boxes_width(&boxes[i]);
	picture.layers = layers_new(boxes_len, edges, arrows_len);
	picture.columns = layers_columns(picture.layers, widths, boxes_len, PADDING, COLUMN_GAP);
	html_boxes_draw(&picture, label, boxes_len, arrows, arrows_len);
	layers_free(picture.layers);
	mem_cleanup(&picture.columns);
}

void html_boxes_free(struct html_box *boxes, size_t len)
{
	for (size_t i = 0; i < len; i++) {
		free(boxes[i].title);
		free(boxes[i].first);
		free(boxes[i].second);
		free(boxes[i].state);
		free(boxes[i].href);
	}
	free(boxes);
}
