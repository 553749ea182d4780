#ifndef CLI_REPORT_LAYERS_H
#define CLI_REPORT_LAYERS_H

#include <stddef.h>

/*
 * A graph drawn in layers: every edge goes from a layer to a later one, and an edge across several layers has a bend
 * in each of those between. Every node and bend has a row within its layer; rows are numbers from 0 on, and two nodes
 * are at least 1 apart. Few edges cross.
 */
struct layers;

struct layers_edge {
	size_t from, to; /* from < to */
};

struct layers *layers_new(size_t nodes, const struct layers_edge *edges, size_t edges_len);
void layers_free(struct layers *layers); /* NULL-safe */

size_t layers_count(const struct layers *layers);
double layers_rows(const struct layers *layers); /* the last row in use */
size_t layers_of(const struct layers *layers, size_t node);
double layers_row(const struct layers *layers, size_t node);
/* The left edge of each layer's column, followed by that of a column after the last: the first at `start`, each as
 * wide as its widest node, followed by `gap`; malloc'd. */
double *layers_columns(const struct layers *layers, const double *widths, size_t nodes, double start, double gap);
/* The rows of an edge's bends, one for each layer between those of its ends; borrowed. */
const double *layers_bends(const struct layers *layers, size_t edge, size_t *ret_len);

#endif
