#include "config.h"

#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "cli/report/run_stats.h"
#include "engine/state/state.h"

#define SIGNAL_STATUS 128 /* statuses from here on mean that it was interrupted */

static int run_stats_by_size(const void *a, const void *b)
{
	uint64_t left = *(const uint64_t *)a, right = *(const uint64_t *)b;

	return (left > right) - (left < right);
}

/* Sorts them. */
static uint64_t median(uint64_t *items, size_t len)
{
	if (len == 0)
		return 0;
	qsort(items, len, sizeof(*items), run_stats_by_size);
	return len % 2 ? items[len / 2] : (items[len / 2 - 1] + items[len / 2]) / 2;
}

static void count_runs(const struct run_info *runs, size_t len, struct stats *ret)
{
	cleanup_free uint64_t *took = mem_array(len + 1, sizeof(*took));
	size_t ended = 0;

	for (size_t i = 0; i < len; i++) {
		const struct run_info *run = &runs[i];

		ret->runs++;
		ret->good += run->status == 0;
		ret->interrupted += run->status >= SIGNAL_STATUS;
		ret->failed += run->status > 0 && run->status < SIGNAL_STATUS;
		if (run->builds >= 0) {
			ret->builds += (uint64_t)run->builds;
			ret->built += (uint64_t)run->built;
		}
		if (run->end_ms < run->begin_ms || run->end_ms == 0)
			continue;
		took[ended] = (uint64_t)(run->end_ms - run->begin_ms);
		if (took[ended] > ret->longest_ms)
			ret->longest_ms = took[ended];
		ended++;
	}
	ret->median_ms = median(took, ended);
}

/* By node; the order of each node's steps (newest first) is kept. */
static int by_node(const void *a, const void *b)
{
	const struct run_step *left = *(const struct run_step *const *)a, *right = *(const struct run_step *const *)b;
	int r = strcmp(left->node, right->node);

	return r ? r : (left > right) - (left < right);
}

static void run_stats_add_node(const struct run_step **steps, size_t len, struct stats_node *ret)
{
	cleanup_free uint64_t *took = mem_array(len + 1, sizeof(*took));

	*ret = (struct stats_node){ .node = steps[0]->node, .times = len, .last_ms = (uint64_t)steps[0]->took_ms };
	for (size_t i = 0; i < len; i++) {
		took[i] = (uint64_t)steps[i]->took_ms;
		ret->total_ms += took[i];
		if (took[i] > ret->longest_ms)
			ret->longest_ms = took[i];
	}
	ret->median_ms = median(took, len);
}

static int run_stats_slowest_first(const void *a, const void *b)
{
	const struct stats_node *left = a, *right = b;

	if (left->median_ms != right->median_ms)
		return left->median_ms < right->median_ms ? 1 : -1;
	return strcmp(left->node, right->node);
}

void stats_make(const struct run_info *runs, size_t runs_len, const struct run_step *steps, size_t steps_len,
		struct stats *ret)
{
	cleanup_free const struct run_step **sorted = mem_array(steps_len + 1, sizeof(struct run_step *));

	*ret = (struct stats){ .nodes = mem_array(steps_len + 1, sizeof(*ret->nodes)) };
	count_runs(runs, runs_len, ret);
	for (size_t i = 0; i < steps_len; i++)
		sorted[i] = &steps[i];
	qsort(sorted, steps_len, sizeof(*sorted), by_node);
	for (size_t i = 0, end; i < steps_len; i = end) {
		for (end = i + 1; end < steps_len && strcmp(sorted[end]->node, sorted[i]->node) == 0;)
			end++;
		run_stats_add_node(sorted + i, end - i, &ret->nodes[ret->nodes_len++]);
	}
	qsort(ret->nodes, ret->nodes_len, sizeof(*ret->nodes), run_stats_slowest_first);
}

void stats_free(struct stats *stats)
{
	free(stats->nodes);
	*stats = (struct stats){ 0 };
}
