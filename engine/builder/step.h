#ifndef ENGINE_BUILDER_STEP_H
#define ENGINE_BUILDER_STEP_H

#include <stdbool.h>
#include <stddef.h>

struct progress;

/* Parses a line with which buildah begins a step: "STEP 2/5: RUN make", in a file of several stages "[1/2] STEP
 * 2/5: ...". `ret->name` points into the line. */
bool step_parse(const char *line, size_t len, struct progress *ret);

#endif
