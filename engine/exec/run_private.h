#ifndef ENGINE_EXEC_RUN_PRIVATE_H
#define ENGINE_EXEC_RUN_PRIVATE_H

#include "engine/exec/task.h"

/* A run while it goes on: for run.c, run_node.c and run_tools.c alone. All of it is of the loop's thread. */

struct event;
struct jobserver;
struct sched;

struct run {
	struct task_env env;
	struct plan *plan; /* the same as env's */
	const struct run_options *options;
	struct sched *sched;
	struct jobserver *jobserver; /* of the make that runs us, or NULL */
	int64_t id;                  /* in the history; 0 before it was begun */
	uint64_t start_ms;
	uint64_t *begun_ms; /* of each node that was started */
	char *stem;         /* .cbuild/run/<id>: the owner of what this run makes */
	char *lock_path;
	int lock_fd;
	char *logs; /* folder */
	int logs_fd;
	int signum;          /* that interrupted it, or 0 */
	struct error *error; /* what stops the run itself */
	int status;          /* of the first failure */
};

void run_emit(struct run *run, const struct event *event);
/* Tells something about the run: EVENT_NOTE. */
void run_note(void *run, const char *text);

/* Starts what is ready and has room; ends the loop when nothing is left. After whatever makes that possible: a node that ended,
 * a place that is free. */
void run_pump(struct run *run);

/* How many of these kinds are not fresh. */
size_t run_stale(const struct run *run, enum node_kind from, enum node_kind to);
/* Opens the builders and the runtime, as far as a node may need them, and remembers which. ERROR_TOOL when there is none. */
int run_open_tools(struct run *run, struct error **err);
/* True when the manifest's builders share the builds. */
bool run_shares(const struct run *run);

#endif
