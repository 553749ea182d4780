#ifndef ENGINE_PLAN_KEY_H
#define ENGINE_PLAN_KEY_H

#include <stddef.h>

struct error;
struct inputs;
struct plan;

/* What each kind of node's key is made of. Everything that can change the result, nothing else.
 * A result of a dependency that is not known yet is an unknown input. What `inputs` held before is dropped. */
int key_inputs(const struct plan *plan, size_t node, struct inputs *inputs, struct error **err);

#endif
