#ifndef ENGINE_IO_PROC_H
#define ENGINE_IO_PROC_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct buf;
struct error;
struct loop;
struct step_times;

/* Child processes: arguments as a list (no shell), a process group of their own, stdin /dev/null or given bytes,
 * output line by line. */

#define PROC_CAPTURE_MAX (64u << 20) /* bytes of stdout that `out` may take */
#define PROC_TAIL_LINES 40           /* last lines kept for the failure block */

/* Progress; 0 or NULL means unknown. */
struct progress {
	unsigned stage, stages; /* of the Dockerfile's stages; counted from 1 */
	unsigned step, steps;   /* of the stage, or of all */
	const char *name;       /* of the step: raw bytes, not NUL-terminated */
	size_t name_len;
	uint64_t bytes, total; /* of what is being moved now */
};

/* Where the output of a node's children goes; shared by all of them. */
struct output {
	int log_fd; /* raw bytes are appended here; -1: nowhere */
	/* One line without its newline, raw bytes (make them safe before showing). On the loop's thread. May be NULL. */
	void (*line)(void *data, const char *line, size_t len);
	/* On the loop's thread; the pointer is valid until it returns. May be NULL. */
	void (*progress)(void *data, const struct progress *progress);
	void *data;
	struct step_times *times; /* of a Dockerfile's steps, filled by the builder; or NULL */
};

struct proc_spec {
	const char *const *argv; /* NULL-terminated; argv[0] is looked up in PATH */
	const char *const *env;  /* NULL-terminated "NAME=value" list, or NULL: this process's */
	const char *cwd;         /* or NULL */
	const char *input;       /* bytes for stdin, or NULL: /dev/null */
	size_t input_len;
	bool capture;                /* stdout goes to proc_result.out alone, and stderr to `output` */
	const struct output *output; /* or NULL: only the tail is kept */
	uint64_t timeout_ms;         /* 0: none. The group is ended as by a cancel, and the error is transient */
	bool cleanup;                /* runs even when the loop is cancelled (to remove a container) */
	const atomic_bool *stop;     /* set by proc_stop, or NULL */
};

struct proc_result {
	int status;      /* exit status, or 128 + signal */
	int signal;      /* the signal that ended it, or 0 */
	struct buf *out; /* stdout when captured; NUL-terminated; owned by the result */
	char *tail; /* last lines of its output (stderr when captured), raw, newline-terminated; never NULL after a return of 0 */
};

/*
 * Runs a child to its end. In a task it blocks the task; on the loop's thread before or after loop_run it drives the
 * loop itself. 0 when the child was started and has ended, whatever its status. Negative: ERROR_TOOL when it cannot be
 * started (names the program), ERROR_CANCELLED, ERROR_STATE when its log cannot be written, ERROR_BUILD when it timed
 * out.
 */
int proc_run(struct loop *loop, const struct proc_spec *spec, struct proc_result *ret, struct error **err);
void proc_result_free(struct proc_result *result); /* the contents */
#define cleanup_proc __attribute__((cleanup(proc_result_free)))

/* Ends the children with this `stop`, including those not started yet: for a helper thread that has failed and that
 * its child would wait for forever. Their proc_run returns ERROR_CANCELLED. Any thread. */
void proc_stop(struct loop *loop, atomic_bool *stop);

/* Like proc_run, but a status other than 0 is an error of class `cls` with the command and the tail of its output. */
int proc_check(struct loop *loop, const struct proc_spec *spec, int cls, struct proc_result *ret, struct error **err);

/* Sets the file that records the ids of running children, so that the next run can end what a killed cbuild left
 * behind (NULL: none). Set it before the first child; on the loop's thread. */
int proc_journal(struct loop *loop, const char *path, struct error **err);
/* Removes the file, as loop_free does at the latest: when nothing of the run is left that a later one could end. On the loop's thread. */
void proc_journal_close(struct loop *loop);
/* Ends the process groups in a journal left by a killed cbuild, if they are still the same processes (start times
 * match), and removes the journal. */
int proc_reap_journal(const char *path, struct error **err);

/* The first folder of PATH that holds the program `name`: its path (malloc'd), or NULL. */
char *proc_find(const char *name);

/* A growing argv; strings are copied. */
struct argv {
	char **items; /* NULL-terminated once something was added */
	size_t len, cap;
};
void argv_add(struct argv *argv, const char *arg);
__attribute__((format(printf, 2, 3))) void argv_addf(struct argv *argv, const char *fmt, ...);
void argv_free(struct argv *argv);
#define cleanup_argv __attribute__((cleanup(argv_free)))

#endif
