#ifndef ENGINE_IO_LOOP_H
#define ENGINE_IO_LOOP_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

struct error;

/*
 * The event loop (libuv) and the tasks that run beside it.
 *
 * One thread, the one that calls loop_run, owns the loop: it starts children, reads their output,
 * fires timers and calls every callback. Work that takes several steps or blocks (a build, a
 * verification) is a task: a thread of its own, in straight-line code, that calls the blocking
 * functions of engine/io (proc_run, http_get, loop_pause). docs/decisions.md says why.
 */
struct loop;

int loop_new(struct loop **ret, struct error **err);
/* NULL-safe; no task may be running. A signal of loop_signals that arrived too late to be handled is raised again. */
void loop_free(struct loop *loop);
/* Runs until loop_stop was called (on the loop's thread) and no task is left. */
int loop_run(struct loop *loop, struct error **err);
void loop_stop(struct loop *loop);
/* The longest turn of loop_run so far, in microseconds: for that long nothing else is handled, not even Ctrl-C. */
struct loop_busy {
	uint64_t cpu_us;  /* of the thread's own time: neither the machine's load nor waiting counts */
	uint64_t wall_us; /* with waiting for a disk, a socket or a lock, but not for events */
};
void loop_longest(const struct loop *loop, struct loop_busy *ret);

/* Calls `fn(arg)` on the loop's thread, in the order of posting. Any thread. */
void loop_post(struct loop *loop, void (*fn)(void *arg), void *arg);
/* Runs `work(arg)` in a thread of its own, then `done(arg)` on the loop's thread. Loop's thread only. */
int loop_task(struct loop *loop, void (*work)(void *arg), void (*done)(void *arg), void *arg, struct error **err);
/* Calls `tick(arg)` every `ms` milliseconds on the loop's thread until loop_stop; one per loop. */
void loop_ticker(struct loop *loop, uint64_t ms, void (*tick)(void *arg), void *arg);

/*
 * Cancelling. After the first loop_cancel every child's process group gets SIGTERM, and SIGKILL
 * CANCEL_GRACE_MS later; after the second, SIGKILL at once. Blocking functions return
 * ERROR_CANCELLED from then on, but for those marked as clean-up. Any thread; safe in a handler of loop_signals.
 */
#define CANCEL_GRACE_MS 3000
void loop_cancel(struct loop *loop);
bool loop_cancelled(const struct loop *loop); /* any thread */
/* From now on SIGINT, SIGTERM and SIGHUP call `fn(arg, signum)` on the loop's thread, and no function of an earlier call. */
int loop_signals(struct loop *loop, void (*fn)(void *arg, int signum), void *arg, struct error **err);
/* For callers that run several loops in turn and must clean up at the end: while `hold` is true, signals that
 * arrive between loops wait for the next loop's loop_signals. Call it on the thread that runs the loops. */
void loop_hold_signals(bool hold);
/* SIGWINCH, for the live display. */
int loop_on_resize(struct loop *loop, void (*fn)(void *arg), void *arg, struct error **err);

/* Tasks only: waits for `ms`, or until cancelled (then ERROR_CANCELLED). */
int loop_pause(struct loop *loop, uint64_t ms, struct error **err);
/* The same, and ERROR_CANCELLED too once *stop (may be NULL) is set, of which loop_wake tells those who pause. */
int loop_pause_unless(struct loop *loop, uint64_t ms, const atomic_bool *stop, struct error **err);
void loop_wake(struct loop *loop); /* any thread */
/* Monotonic time in milliseconds. Any thread. */
uint64_t loop_now_ms(void);

/* For engine/io/ only. */
struct uv_loop_s;
struct procs;
struct uv_loop_s *loop_uv(struct loop *loop);
bool loop_is_owner(const struct loop *loop); /* called on the loop's thread */
/* One turn of the loop, for its owner to wait outside of loop_run. */
void loop_turn(struct loop *loop);
/* The children of this loop; belongs to proc.c, freed by loop_free through `free_procs`. */
struct procs **loop_procs(struct loop *loop);
/* How often it was cancelled (0, 1, 2); `hook(procs, level)` is called on the loop's thread at each step. */
int loop_cancels(const struct loop *loop);
void loop_set_hooks(struct loop *loop, void (*cancel)(struct procs *procs, int level),
		    void (*free_procs)(struct procs *procs));

#endif
