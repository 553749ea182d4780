#ifndef ENGINE_PLAN_KEY_H
#define ENGINE_PLAN_KEY_H

#include <stddef.h>

struct error;
struct inputs;
struct plan;

/* What the key of each kind of node consists of: everything that can change the result, and nothing else. The
 * result of a dependency that is not known yet is an unknown input. Previous content of `inputs` is dropped. */
int key_inputs(const struct plan *plan, size_t node, struct inputs *inputs, struct error **err);

#endif
