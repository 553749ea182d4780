#ifndef ENGINE_EXEC_RUN_PRIVATE_H
#define ENGINE_EXEC_RUN_PRIVATE_H

#include "engine/exec/task.h"

/* A run in progress: for run.c, run_node.c and run_tools.c alone. All of it belongs to the loop's thread. */

struct event;
struct jobserver;
struct sched;

struct run {
	struct task_env env;
	struct plan *plan; /* the plan in `env`, not const */
	const struct run_options *options;
	struct sched *sched;
	struct jobserver *jobserver; /* of the make that runs us, or NULL */
	int64_t id;                  /* in the history; 0 before it was begun */
	uint64_t start_ms;
	uint64_t *begun_ms; /* start time of each node that was started */
	char *stem;         /* .cbuild/run/<id>: the owner label of this run */
	char *lock_path;
	int lock_fd;
	char *logs; /* folder */
	int logs_fd;
	int signum;          /* the signal that interrupted it, or 0 */
	struct error *error; /* why the run itself is stopped */
	int status;          /* of the first failure */
	bool failed;         /* a node failed that will not be begun anew, */
	bool outdated;       /* or one that will */
};

void run_emit(struct run *run, const struct event *event);
/* Emits a note about the run: EVENT_NOTE. */
void run_note(void *run, const char *text);

/* Starts what is ready and has room; ends the loop when nothing is left. Call it when a node has ended or a place
 * has become free. */
void run_pump(struct run *run);

/* The number of nodes of these kinds that are not fresh. */
size_t run_stale(const struct run *run, enum node_kind from, enum node_kind to);
/* Opens builders and runtime if a node may need them, and remembers which were used. ERROR_TOOL when there is none. */
int run_open_tools(struct run *run, struct error **err);
/* True when the manifest's builders share the builds. */
bool run_shares(const struct run *run);

#endif
