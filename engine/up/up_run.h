#ifndef ENGINE_UP_UP_RUN_H
#define ENGINE_UP_UP_RUN_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>

#include "engine/runtime/runtime.h"
#include "engine/stack/stack.h"

/* Starts services and keeps them running (`cbuild up`, `cbuild watch --run`), and ends them (`cbuild down`). The
 * labels of the containers say what is running; there is no file. */

enum up_kind {
	UP_STARTED, /* service */
	UP_KEPT,    /* service: already running with the same image and settings */
	UP_HEALTHY, /* service, took_ms since the first one was started */
	UP_PORT,    /* service, port: one of its addresses, once all are healthy */
	UP_READY,   /* that was the last address; `up` for up_sync */
	UP_SYNCED,  /* service, files, text: changed files were copied into it, `restarts`: and it is restarted */
	UP_LINE,    /* service, text, len: a line of its output, raw bytes */
	UP_ENDING,  /* a signal was received */
	UP_ENDED,   /* service, status; -1: its container was removed */
};

/* Called on the loop's thread; pointers are valid until the function returns. */
struct up_event {
	enum up_kind kind;
	const char *service;
	const char *text;
	size_t len;
	int status;
	unsigned long long took_ms;
	size_t files; /* text: the file, relative to the manifest, if it is one */
	bool restarts;
	struct up *up; /* until up_run returns */
	struct container_port port;
};

struct argv;
struct sync_tree;
struct up;

/* What a run leaves running for the next one of this process: the containers, and how much of their output was shown. */
struct up_left;
struct up_left *up_left_new(void);
void up_left_free(struct up_left *left); /* NULL-safe; the containers go on running */

struct up_job {
	struct loop *loop;
	int *lock; /* from up_lock; closed once everything is started and is only followed */
	const char *state_dir;
	struct layout *layout;
	struct runtime *runtime; /* its owner is up_owner's */
	const struct manifest *manifest;
	const struct stack_part *parts; /* in start order */
	size_t len;
	/* Runs until the loop is cancelled, or a signal does that, and leaves everything running. What the last run has left is taken over:
	 * where that is still so and suits, nobody is asked about it, and its output goes on where it was shown last. Or NULL. */
	struct up_left *left;
	bool only_follow; /* with `left`: starts nothing */
	/* With `argv` one more, which is only created: the command that runs it, instead of its own or with `words`. */
	const struct stack_part *alone;
	const char *const *words; /* NULL: its own */
	bool tty;
	struct argv *argv;
	/* Keys of the terminal count while the services are followed: `d` leaves them running, `w` too, `o` tells their ports again, `q`
	 * ends. Set to the one that has ended it; NULL: no keys. */
	char *key;
	bool detach; /* leave them running once they are healthy; else run until a signal or until all have ended */
	/* Negative, with *err set: end everything. */
	int (*event)(void *data, const struct up_event *event, struct error **err);
	void *data;
};

/* Takes the lock of a checkout for starting, replacing and stopping services, and ends the children of killed ones.
 * *ret_fd is -1 when another one has it, without `wait`; otherwise close() it. */
int up_lock(const char *state_dir, bool wait, int *ret_fd, struct error **err);
/* Ends the child processes of a killed `up`; its services keep running. */
int up_sweep(const char *state_dir, struct error **err);
/* The value of RUNTIME_LABEL for `up` in the checkout with this state folder; malloc'd. */
char *up_owner(const char *state_dir);
/* Runs the loop until everything is over. What was started is ended on failure, and without `detach` and `left` in any case.
 * *ret_signum: the signal that ended it, or 0. ERROR_HEALTH when a service does not become healthy, or when all
 * have ended and one of them failed; its message shows the container's last lines. ERROR_TOOL, ERROR_REGISTRY. */
int up_run(const struct up_job *job, int *ret_signum, struct error **err);

/* Does what the rules say about the changes between two trees (sync_tree.h; of this job's parts) in the services that run; with
 * `before` NULL, copies what new containers get. On the loop's thread, after UP_READY, one after the other. False: there is nothing
 * to do; else `done` is called on the loop's thread, and owns `error`, unless up_run ends before. */
bool up_sync(struct up *up, const struct sync_tree *before, const struct sync_tree *now,
	     void (*done)(void *data, struct error *error), void *data);

/* Ends running services: those named (NULL-terminated), or all when none are; and the network when it is no longer
 * used. *ret_ended counts the containers. *hurry as for containers_end. */
int up_down(struct runtime *runtime, const char *const *services, const atomic_bool *hurry, size_t *ret_ended,
	    struct error **err);

#endif
