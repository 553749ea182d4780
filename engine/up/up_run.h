#ifndef ENGINE_UP_UP_RUN_H
#define ENGINE_UP_UP_RUN_H

#include <stdbool.h>
#include <stddef.h>

#include "engine/runtime/runtime.h"
#include "engine/stack/stack.h"

/* Starts services and keeps them running (`cbuild up`, `cbuild watch --run`), and ends them (`cbuild down`). What runs is
 * known by the labels of the containers, in no file. */

enum up_kind {
	UP_STARTED, /* service */
	UP_KEPT,    /* service: it runs already, with the same image and settings */
	UP_HEALTHY, /* service, took_ms since the first was started */
	UP_PORT,    /* service, port: one of its addresses, when all are healthy */
	UP_READY,   /* that was the last of them */
	UP_LINE,    /* service, text, len: a line of its output, raw bytes */
	UP_ENDING,  /* a signal came */
	UP_ENDED,   /* service, status; -1: its container was taken away */
};

/* Given on the loop's thread; what it points to lives until the function returns. */
struct up_event {
	enum up_kind kind;
	const char *service;
	const char *text;
	size_t len;
	int status;
	unsigned long long took_ms;
	struct container_port port;
};

struct up_job {
	struct loop *loop;
	const char *state_dir;
	struct layout *layout;
	struct runtime *runtime; /* its owner is up_owner's */
	const struct manifest *manifest;
	const struct stack_part *parts; /* in start order */
	size_t len;
	bool detach; /* they go on when they are healthy; else until a signal comes or all have ended */
	/* Negative, with *err set: all is ended. */
	int (*event)(void *data, const struct up_event *event, struct error **err);
	void *data;
};

/* Takes the lock that only one `up` of the checkout has, and ends the children that a killed one left. *ret_fd is -1 when
 * another one has it; otherwise close() it. */
int up_lock(const char *state_dir, int *ret_fd, struct error **err);
/* Ends what a killed `up` left of its own; its services go on. */
int up_sweep(const char *state_dir, struct error **err);
/* The label RUNTIME_LABEL of what `up` starts in the checkout with this state folder; malloc'd. */
char *up_owner(const char *state_dir);
/* Runs the loop until all is over. What was started is ended when something fails, and without `detach` in any case.
 * *ret_signum: the signal that ended it, or 0. ERROR_HEALTH when one of them does not get healthy, or when all have ended and
 * one of them badly; its message shows the container's last lines. ERROR_TOOL, ERROR_REGISTRY. */
int up_run(const struct up_job *job, int *ret_signum, struct error **err);

/* Ends what stands: the services (NULL-terminated), or all when there are none; and the network when nothing is left.
 * *ret_ended counts the containers. In no task. */
int up_down(struct runtime *runtime, const char *const *services, size_t *ret_ended, struct error **err);

#endif
