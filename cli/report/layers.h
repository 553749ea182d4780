#ifndef CLI_REPORT_LAYERS_H
#define CLI_REPORT_LAYERS_H

#include <stddef.h>

/*
 * A graph drawn in layers: every edge goes from a layer to a later one, and an edge over several has a bend in each between.
 * Within its layer each node and bend has a row; rows are numbers from 0 on, two nodes at least 1 apart. Few edges cross.
 */
struct layers;

struct layers_edge {
	size_t from, to; /* from < to */
};

struct layers *layers_new(size_t nodes, const struct layers_edge *edges, size_t edges_len);
void layers_free(struct layers *layers); /* NULL-safe */

size_t layers_count(const struct layers *layers);
double layers_rows(const struct layers *layers); /* the last row that is used */
size_t layers_of(const struct layers *layers, size_t node);
double layers_row(const struct layers *layers, size_t node);
/* Where each layer's column begins, and, as one more, where one behind the last would: the first at `start`, each as wide as the
 * widest of its nodes, with `gap` behind it; malloc'd. */
double *layers_columns(const struct layers *layers, const double *widths, size_t nodes, double start, double gap);
/* The rows of an edge's bends, one for each layer between those of its ends; borrowed. */
const double *layers_bends(const struct layers *layers, size_t edge, size_t *ret_len);

#endif
