#include "config.h"

#include <stdbool.h>
#include <stdlib.h>

#include "base/mem.h"
#include "cli/report/layers.h"

/*
 * After Sugiyama, Tagawa and Toda: layers by longest path, a spot for each node and each bend, an order within the
 * layers by the mean position of the neighbours, and rows as near to the neighbours' as the order allows.
 */

#define SWEEPS 12        /* over the layers, in both directions; more would not be visible */
#define BEND_HEIGHT 0.35 /* of a row */

/* A node or a bend. */
struct layer_spot {
	size_t layer;
	double row;
	double wish;   /* the row closest to its neighbours */
	size_t place;  /* its position in its layer */
	double height; /* in rows */
	size_t *before, *after;
	size_t before_len, before_cap, after_len, after_cap;
};

struct drawn_layer {
	size_t *spots; /* in their order */
	size_t len, cap;
};

struct layers {
	struct layer_spot *spots; /* the nodes first */
	size_t spots_len, spots_cap;
	struct drawn_layer *list;
	size_t len;
	double **bends; /* of each edge */
	size_t *bends_len;
	size_t *first_bend; /* the spots of an edge's bends follow each other */
	size_t edges_len;
	double rows;
};

static void join_layers(struct layers *layers, size_t from, size_t to)
{
	struct layer_spot *a = &layers->spots[from], *b = &layers->spots[to];

	mem_reserve(&a->after, &a->after_cap, a->after_len + 1, sizeof(*a->after));
	a->after[a->after_len++] = to;
	mem_reserve(&b->before, &b->before_cap, b->before_len + 1, sizeof(*b->before));
	b->before[b->before_len++] = from;
}

/* As early as possible, but a node without dependencies is placed right before the first node that needs it. */
static void choose_layers(struct layers *layers, size_t nodes, const struct layers_edge *edges, size_t edges_len)
{
	cleanup_free size_t *first = mem_array(nodes + 1, sizeof(*first));
	cleanup_free char *has_before = mem_alloc(nodes + 1);

	/* Computed once, when the edges are sorted by their targets. */
	for (size_t changed = 1; changed;) {
		changed = 0;
		for (size_t i = 0; i < edges_len; i++) {
			struct layer_spot *to = &layers->spots[edges[i].to];
			size_t least = layers->spots[edges[i].from].layer + 1;

			has_before[edges[i].to] = 1;
			if (to->layer < least) {
				to->layer = least;
				changed = 1;
			}
		}
	}
	for (size_t i = 0; i < edges_len; i++) {
		size_t layer = layers->spots[edges[i].to].layer;

		if (first[edges[i].from] == 0 || layer < first[edges[i].from])
			first[edges[i].from] = layer;
	}
	for (size_t i = 0; i < nodes; i++) {
		if (!has_before[i] && first[i] > 0)
			layers->spots[i].layer = first[i] - 1;
	}
}

static size_t add_spot(struct layers *layers, size_t layer, double height)
{
	mem_reserve(&layers->spots, &layers->spots_cap, layers->spots_len + 1, sizeof(*layers->spots));
	layers->spots[layers->spots_len] = (struct layer_spot){ .layer = layer, .height = height };
	return layers->spots_len++;
}

/* A chain of bends for an edge that crosses layers. */
static void layers_add_edge(struct layers *layers, size_t edge, const struct layers_edge *ends)
{
	size_t from = layers->spots[ends->from].layer, to = layers->spots[ends->to].layer;
	size_t last = ends->from;

	layers->bends_len[edge] = to - from - 1;
	layers->first_bend[edge] = layers->spots_len;
	for (size_t layer = from + 1; layer < to; layer++) {
		size_t bend = add_spot(layers, layer, BEND_HEIGHT);

		join_layers(layers, last, bend);
		last = bend;
	}
	join_layers(layers, last, ends->to);
}

static void fill_layers(struct layers *layers)
{
	for (size_t i = 0; i < layers->spots_len; i++) {
		if (layers->spots[i].layer + 1 > layers->len)
			layers->len = layers->spots[i].layer + 1;
	}
	layers->list = mem_array(layers->len + 1, sizeof(*layers->list));
	for (size_t i = 0; i < layers->spots_len; i++) {
		struct drawn_layer *layer = &layers->list[layers->spots[i].layer];

		mem_reserve(&layer->spots, &layer->cap, layer->len + 1, sizeof(*layer->spots));
		layers->spots[i].place = layer->len;
		layer->spots[layer->len++] = i;
	}
}

struct ranked {
	size_t spot, place;
	double wish;
};

static int layers_compare(const void *left, const void *right)
{
	const struct ranked *a = left, *b = right;

	if (a->wish != b->wish)
		return a->wish < b->wish ? -1 : 1;
	return a->place < b->place ? -1 : a->place > b->place;
}

/* The mean position of the neighbours on one side; without any, the position is kept. */
static double mean_place(const struct layers *layers, const struct layer_spot *spot, bool backward)
{
	const size_t *near = backward ? spot->after : spot->before;
	size_t len = backward ? spot->after_len : spot->before_len;
	double sum = 0;

	for (size_t i = 0; i < len; i++)
		sum += (double)layers->spots[near[i]].place;
	return len ? sum / (double)len : (double)spot->place;
}

static void order_layer(struct layers *layers, struct drawn_layer *layer, bool backward)
{
	cleanup_free struct ranked *ranked = mem_array(layer->len + 1, sizeof(*ranked));

	for (size_t i = 0; i < layer->len; i++) {
		const struct layer_spot *spot = &layers->spots[layer->spots[i]];

		ranked[i] = (struct ranked){ layer->spots[i], i, mean_place(layers, spot, backward) };
	}
	qsort(ranked, layer->len, sizeof(*ranked), layers_compare);
	for (size_t i = 0; i < layer->len; i++) {
		layer->spots[i] = ranked[i].spot;
		layers->spots[ranked[i].spot].place = i;
	}
}

static double mean_row(const struct layers *layers, const struct layer_spot *spot)
{
	double sum = 0;
	size_t len = spot->before_len + spot->after_len;

	for (size_t i = 0; i < spot->before_len; i++)
		sum += layers->spots[spot->before[i]].row;
	for (size_t i = 0; i < spot->after_len; i++)
		sum += layers->spots[spot->after[i]].row;
	return len ? sum / (double)len : spot->row;
}

struct block {
	double sum; /* of the wishes */
	size_t len;
};

/* The rows nearest to the wishes (least squares) that keep order and distance: spots that collide are joined into a
 * block, placed at the mean of its wishes. */
static void layers_settle(struct layers *layers, const struct drawn_layer *layer)
{
	cleanup_free double *offset = mem_array(layer->len + 1, sizeof(*offset));
	cleanup_free struct block *blocks = mem_array(layer->len + 1, sizeof(*blocks));
	size_t blocks_len = 0, at = 0;

	for (size_t i = 0; i < layer->len; i++) {
		const struct layer_spot *spot = &layers->spots[layer->spots[i]];

		if (i > 0)
			offset[i] = offset[i - 1] + (layers->spots[layer->spots[i - 1]].height + spot->height) / 2;
		blocks[blocks_len++] = (struct block){ spot->wish - offset[i], 1 };
		while (blocks_len > 1 && blocks[blocks_len - 2].sum * (double)blocks[blocks_len - 1].len >
						 blocks[blocks_len - 1].sum * (double)blocks[blocks_len - 2].len) {
			blocks[blocks_len - 2].sum += blocks[blocks_len - 1].sum;
			blocks[blocks_len - 2].len += blocks[blocks_len - 1].len;
			blocks_len--;
		}
	}
	for (size_t i = 0; i < blocks_len; i++) {
		for (size_t j = 0; j < blocks[i].len; j++, at++)
			layers->spots[layer->spots[at]].row = blocks[i].sum / (double)blocks[i].len + offset[at];
	}
}

static void find_rows(struct layers *layers)
{
	double least = 0;

	for (size_t i = 0; i < layers->spots_len; i++)
		layers->spots[i].row = (double)layers->spots[i].place;
	for (size_t sweep = 0; sweep < SWEEPS; sweep++) {
		for (size_t i = 0; i < layers->len; i++) {
			const struct drawn_layer *layer = &layers->list[sweep % 2 ? layers->len - 1 - i : i];

			for (size_t j = 0; j < layer->len; j++) {
				struct layer_spot *spot = &layers->spots[layer->spots[j]];

				spot->wish = mean_row(layers, spot);
			}
			layers_settle(layers, layer);
		}
	}
	for (size_t i = 0; i < layers->spots_len; i++)
		least = i == 0 || layers->spots[i].row < least ? layers->spots[i].row : least;
	for (size_t i = 0; i < layers->spots_len; i++) {
		layers->spots[i].row -= least;
		if (layers->spots[i].row > layers->rows)
			layers->rows = layers->spots[i].row;
	}
}

struct layers *layers_new(size_t nodes, const struct layers_edge *edges, size_t edges_len)
{
	struct layers *layers = mem_alloc(sizeof(*layers));

	layers->edges_len = edges_len;
	layers->bends = mem_array(edges_len + 1, sizeof(*layers->bends));
	layers->bends_len = mem_array(edges_len + 1, sizeof(*layers->bends_len));
	layers->first_bend = mem_array(edges_len + 1, sizeof(*layers->first_bend));
	for (size_t i = 0; i < nodes; i++)
		add_spot(layers, 0, 1);
	choose_layers(layers, nodes, edges, edges_len);
	for (size_t i = 0; i < edges_len; i++)
		layers_add_edge(layers, i, &edges[i]);
	fill_layers(layers);
	for (size_t sweep = 0; sweep < SWEEPS; sweep++) {
		for (size_t i = 1; i < layers->len; i++)
			order_layer(layers, &layers->list[sweep % 2 ? layers->len - 1 - i : i], sweep % 2);
	}
	find_rows(layers);
	for (size_t i = 0; i < edges_len; i++) {
		layers->bends[i] = mem_array(layers->bends_len[i] + 1, sizeof(**layers->bends));
		for (size_t j = 0; j < layers->bends_len[i]; j++)
			layers->bends[i][j] = layers->spots[layers->first_bend[i] + j].row;
	}
	return layers;
}

void layers_free(struct layers *layers)
{
	if (!layers)
		return;
	for (size_t i = 0; i < layers->spots_len; i++) {
		free(layers->spots[i].before);
		free(layers->spots[i].after);
	}
	for (size_t i = 0; i < layers->len; i++)
		free(layers->list[i].spots);
	for (size_t i = 0; i < layers->edges_len; i++)
		free(layers->bends[i]);
	free(layers->bends);
	free(layers->bends_len);
	free(layers->first_bend);
	free(layers->list);
	free(layers->spots);
	free(layers);
}

size_t layers_count(const struct layers *layers)
{
	return layers->len;
}

double layers_rows(const struct layers *layers)
{
	return layers->rows;
}

size_t layers_of(const struct layers *layers, size_t node)
{
	return layers->spots[node].layer;
}

double layers_row(const struct layers *layers, size_t node)
{
	return layers->spots[node].row;
}

double *layers_columns(const struct layers *layers, const double *widths, size_t nodes, double start, double gap)
{
	size_t len = layers_count(layers);
	double *columns = mem_array(len + 2, sizeof(*columns));

	for (size_t i = 0; i < nodes; i++) {
		double *width = &columns[layers_of(layers, i) + 1];

		*width = widths[i] > *width ? widths[i] : *width;
	}
	columns[0] = start;
	for (size_t i = 1; i <= len; i++)
		columns[i] += columns[i - 1] + gap;
	return columns;
}

const double *layers_bends(const struct layers *layers, size_t edge, size_t *ret_len)
{
	*ret_len = layers->bends_len[edge];
	return layers->bends[edge];
}
