#ifndef CLI_REPORT_FRAME_H
#define CLI_REPORT_FRAME_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct buf;
struct columns;

/* Lays out the live display for a terminal size: a pure function of its state. */

struct frame_node {
	const char *name; /* "build web linux/amd64" */
	uint64_t took_ms;
	unsigned stage, stages, step, steps; /* 0: unknown */
	const char *step_name;               /* raw, or NULL */
	uint64_t bytes, total;               /* 0: unknown */
	const char *last;                    /* the last line it printed: raw, or NULL */
};

struct frame {
	unsigned width, height; /* of the terminal */
	bool color, unicode;
	size_t done, left; /* nodes; the running ones are in `nodes` */
	size_t failed;     /* of those done */
	uint64_t elapsed_ms;
	uint64_t remaining_ms;          /* UINT64_MAX: unknown */
	const struct frame_node *nodes; /* in the order they began */
	size_t nodes_len;
};

/* Appends lines separated by newlines, each narrower than the terminal, at most one less than it has rows. Returns
 * their number. */
size_t frame_draw(const struct frame *frame, const struct columns *columns, struct buf *out);

#endif
