#ifndef CLI_REPORT_SUMMARY_H
#define CLI_REPORT_SUMMARY_H

#include <stdint.h>

struct buf;
struct report_state;

/* The end of a run: a block for each failed node, the images, one line of numbers. */
void report_summary(const struct report_state *state, int status, uint64_t took_ms, struct buf *out);

#endif
