#ifndef CLI_REPORT_RUN_STATS_H
#define CLI_REPORT_RUN_STATS_H

#include <stddef.h>
#include <stdint.h>

struct run_info;
struct run_step;

/* Statistics of the history. */
struct stats {
	size_t runs, good, failed, interrupted; /* runs; the remaining ones did not end */
	uint64_t median_ms, longest_ms;         /* of runs that ended */
	uint64_t builds, built;                 /* of runs whose plan is known */
	struct stats_node {
		const char *node; /* borrowed from the steps */
		size_t times;
		uint64_t median_ms, longest_ms, last_ms, total_ms;
	} * nodes; /* those that ran, the largest median first */
	size_t nodes_len;
};

/* `steps` are those of all finished runs, the newest first. */
void stats_make(const struct run_info *runs, size_t runs_len, const struct run_step *steps, size_t steps_len,
		struct stats *ret);
void stats_free(struct stats *stats); /* the contents */

#endif
