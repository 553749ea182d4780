#ifndef ENGINE_IO_LINES_H
#define ENGINE_IO_LINES_H

#include <stddef.h>

struct buf;
struct loop;
struct output;

/* Output of children and daemons as lines. */

#define LINE_BYTES_MAX (64u << 10) /* longer lines are split */

typedef void line_take(void *data, const char *line, size_t len);
/* Calls `take` for each line, without its newline; an incomplete one stays in `rest`, for the next call. */
void lines_split(struct buf *rest, const char *bytes, size_t len, line_take *take, void *data);
/* At the end: takes the incomplete line, if there is one. */
void lines_finish(struct buf *rest, line_take *take, void *data);
/* Shows a line from any thread. A task that owns the output ends after this in the loop's queue. */
void lines_post(struct loop *loop, const struct output *output, const char *line, size_t len);

#endif
