#ifndef ENGINE_BUILDER_STEP_TIMES_H
#define ENGINE_BUILDER_STEP_TIMES_H

#include <stddef.h>

struct buf;
struct step_times;

/* When the steps of a Dockerfile began and ended. One thread at a time: the builder's while it builds, then the task's. */

struct step_times *step_times_new(void);
void step_times_free(struct step_times *times); /* NULL-safe */

/* All of these accept NULL, and then do nothing. */

/* A step begins now: `label` ("build 2/5") and `name` ("RUN make") are raw bytes. Returns its number, for step_times_end. */
size_t step_times_begin(struct step_times *times, const char *label, size_t label_len, const char *name, size_t name_len);
void step_times_end(struct step_times *times, size_t step);    /* it ended now, unless it has ended before */
void step_times_cached(struct step_times *times, size_t step); /* it comes from the builder's cache */
/* A JSON array of objects: `step`, `name`, `start_ms` (since the build began), `took_ms`, `cached`; in the order they began. Appends nothing
 * when there were none. Steps that have not ended do so now. */
void step_times_json(struct step_times *times, struct buf *out);

#endif
