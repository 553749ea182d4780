#ifndef CLI_CMD_HURRY_H
#define CLI_CMD_HURRY_H

#include <stdatomic.h>

struct error;
struct loop;

/* For commands that stop services: runs `work` in a task and returns what it returns. Ctrl-C sets *hurry: then what has not ended is
 * killed. Once a loop, and as the last that it does. */
int hurry_run(struct loop *loop, int (*work)(void *arg, const atomic_bool *hurry, struct error **err), void *arg,
	      struct error **err);

#endif
