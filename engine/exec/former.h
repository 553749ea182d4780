#ifndef ENGINE_EXEC_FORMER_H
#define ENGINE_EXEC_FORMER_H

#include <stdbool.h>
#include <stddef.h>

struct error;
struct layout;
struct loop;
struct runtime;
struct runtime_freed;
struct state;

/* Images that earlier results left in engines, by the records of what was built and loaded there. Only what nobody uses is removed
 * (runtime_discard). On the loop's thread, outside loop_run. */

/* What newer results of these nodes have replaced in this runtime. Earlier images of bases stay: they exist nowhere else. */
int former_replaced(struct state *state, struct runtime *runtime, const char *const *nodes, size_t len,
		    struct error **err);
/* All of it, in every engine that is named by a record and can be asked. ERROR_STATE, ERROR_CANCELLED. */
int former_prune(struct state *state, struct loop *loop, struct layout *layout, bool dry, struct runtime_freed *ret,
		 struct error **err);

#endif
