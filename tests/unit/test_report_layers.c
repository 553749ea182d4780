#include "config.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "base/mem.h"
#include "cli/report/layers.h"

#define NEARLY 1e-6

static void test_nothing(void **state)
{
	struct layers *layers = layers_new(0, NULL, 0);

	(void)state;
	assert_int_equal(layers_count(layers), 0);
	layers_free(layers);
	layers_free(NULL);
}

static void test_chain_is_straight(void **state)
{
	const struct layers_edge edges[] = { { 0, 1 }, { 1, 2 } };
	struct layers *layers = layers_new(3, edges, 2);

	(void)state;
	assert_int_equal(layers_count(layers), 3);
	for (size_t i = 0; i < 3; i++) {
		assert_int_equal(layers_of(layers, i), i);
		assert_true(layers_row(layers, i) < NEARLY);
	}
	layers_free(layers);
}

/* What needs nothing stands right before what needs it. */
static void test_late_source(void **state)
{
	const struct layers_edge edges[] = { { 0, 1 }, { 1, 3 }, { 2, 3 } };
	struct layers *layers = layers_new(4, edges, 3);

	(void)state;
	assert_int_equal(layers_of(layers, 2), 1);
	layers_free(layers);
}

/* Edges that would cross in the order of the numbers. */
static void test_crossing(void **state)
{
	const struct layers_edge edges[] = { { 1, 2 }, { 0, 3 } };
	struct layers *layers = layers_new(4, edges, 2);

	(void)state;
	assert_true((layers_row(layers, 0) < layers_row(layers, 1)) == (layers_row(layers, 3) < layers_row(layers, 2)));
	layers_free(layers);
}

static void assert_drawn(const struct layers *layers, size_t nodes, const struct layers_edge *edges, size_t edges_len)
{
	for (size_t i = 0; i < nodes; i++) {
		assert_true(layers_of(layers, i) < layers_count(layers));
		assert_true(layers_row(layers, i) >= 0 && layers_row(layers, i) <= layers_rows(layers));
		for (size_t j = 0; j < i; j++) {
			double apart = layers_row(layers, i) - layers_row(layers, j);

			assert_true(layers_of(layers, i) != layers_of(layers, j) || apart > 1 - NEARLY ||
				    apart < -1 + NEARLY);
		}
	}
	for (size_t i = 0; i < edges_len; i++) {
		size_t len;
		const double *bends = layers_bends(layers, i, &len);

		assert_true(layers_of(layers, edges[i].from) < layers_of(layers, edges[i].to));
		assert_int_equal(len, layers_of(layers, edges[i].to) - layers_of(layers, edges[i].from) - 1);
		for (size_t j = 0; j < len; j++)
			assert_true(bends[j] >= 0 && bends[j] <= layers_rows(layers));
	}
}

static void test_any_graph(void **state)
{
	uint32_t random = 1;

	(void)state;
	for (size_t round = 0; round < 200; round++) {
		struct layers_edge edges[120];
		size_t nodes = 1 + round % 40, len = 0;
		struct layers *layers;

		for (size_t to = 1; to < nodes; to++) {
			for (size_t k = 0; k < 3; k++) {
				random = random * 1664525 + 1013904223;
				if ((random >> 16) % 3)
					edges[len++] = (struct layers_edge){ (random >> 8) % to, to };
			}
		}
		layers = layers_new(nodes, edges, len);
		assert_drawn(layers, nodes, edges, len);
		layers_free(layers);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_nothing),     cmocka_unit_test(test_chain_is_straight),
		cmocka_unit_test(test_late_source), cmocka_unit_test(test_crossing),
		cmocka_unit_test(test_any_graph),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
