#ifndef ENGINE_EXEC_TASK_H
#define ENGINE_EXEC_TASK_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "engine/exec/event.h"
#include "engine/exec/fleet.h"
#include "engine/exec/run.h"
#include "engine/io/proc.h"
#include "engine/plan/plan.h"

/* A running node; for engine/exec/ alone. */

struct arena;
struct bases;
struct build_file;
struct builder;
struct convert_memory;
struct ec_key;
struct registry;
struct runtime;
struct step_times;
struct tags_first;
struct tags_held;
struct tags_others;
struct urls;

/* Shared by a run's tasks. Set up by the loop's thread before the first task starts. */
struct task_env {
	struct loop *loop;
	const struct plan *plan;
	struct layout *layout;
	struct state *state;
	int64_t run; /* its number in the history */
	struct source *source;
	struct fleet *fleet; /* NULL when no build is stale */
	struct registry *registry;
	struct logins *logins;
	struct bases *bases;
	bool pull; /* run_options.pull */
	bool anew; /* run_options.anew */
	struct urls *urls;
	const struct tags_held *held;         /* what the release's tags held before the run, or NULL */
	const struct ec_key *signer;          /* signs what is pushed, or NULL */
	const struct tags_others *others;     /* what it adds to pushes of fewer platforms, or NULL */
	struct tags_first *tags_first;        /* NULL: each service is released on its own */
	struct convert_memory *packed;        /* layers that were packed before; NULL when no format is stale */
	bool take_results, give_results;      /* whether the registry cache is used, */
	atomic_bool take_failed, give_failed; /* until it has failed once */
	struct runtime *runtime;              /* NULL when nothing is loaded or verified */
	const char *state_dir;
	const char *staging;                         /* folder of this run's staging folders */
	void (*note)(void *owner, const char *text); /* emits a note about the run; on the loop's thread */
};

struct task {
	struct task_env *env;
	void *owner; /* the run, for callbacks about lines and the end */
	size_t number;
	const struct node *node;
	char *log; /* path */
	int log_fd;
	int logs_fd;                    /* the folder of the run's logs; borrowed */
	int lock_fd;                    /* held from before the work until the record is written */
	bool reused;                    /* another cbuild made it since the node was decided */
	bool taken;                     /* it came from the registry cache */
	char cache_key[DIGEST_LEN + 1]; /* its key there; "" if none */
	bool asked;                     /* looked up there before the run */
	bool passing;                   /* the result is only for this run, and not recorded */
	struct builder *builder;        /* the builder of a build; NULL otherwise */
	struct fleet_seat *seat;        /* its place with the builder, or NULL */
	char *staging;                  /* an empty folder of its own */
	struct output output;
	struct step_times *steps; /* of a build's Dockerfile; NULL otherwise */
	uint64_t start_ms;
	int64_t start_unix_ms;

	/* the result */
	struct error *error;
	enum outcome outcome;
	uint64_t took_ms;
	struct error *unkept;                     /* why the record or the history could not be written */
	char *identity, *digest, *place, *detail; /* malloc'd or NULL */
	uint64_t size;
	char *doubt;       /* why the result must not be recorded, or NULL */
	struct buf inputs; /* as text, to be recorded with the result */
};

/* Opens the node's log in the folder `logs`, which is open as `logs_fd`. The functions in `output` are called with
 * the task, on the loop's thread, with its children's output and progress. */
int task_new(struct task_env *env, size_t number, const char *logs, int logs_fd, const struct output *output,
	     void *owner, struct task **ret, struct error **err);
void task_free(struct task *task); /* releases the node's lock */
/* Waits for the node's lock, does the work, unless another cbuild did it meanwhile (then `reused`), and records the result, durably. In
 * a task; the result is in the struct. */
void task_work(void *task);

/* Each does its kind of node's work in a task and sets the result; negative with task->error set. */
int task_prepare(struct task *task, struct error **err);
int task_build(struct task *task, struct error **err);
int task_output(struct task *task, struct error **err);
int task_convert(struct task *task, struct error **err);
int task_index(struct task *task, struct error **err);
int task_load(struct task *task, struct error **err);
int task_verify(struct task *task, struct error **err);
int task_push(struct task *task, struct error **err);
/* Stores what a push node pushes and its tags will mean. */
int task_release_index(struct task *task, char ret_digest[DIGEST_LEN + 1], struct error **err);
int task_tag(struct task *task, struct error **err);
struct tags_first *tags_first_new(void);
void tags_first_free(struct tags_first *first); /* NULL-safe */

/* Gives the manifest `digest` the annotations for the node's platform, if any: it then has another digest. */
int task_annotate(struct task *task, char digest[DIGEST_LEN + 1], struct error **err);
/* A build's requirements of its builder; points into the node. */
struct fleet_want task_want(const struct plan *plan, const struct node *node);
/* Whether this machine can make the format: ERROR_TOOL with a remedy. */
int task_convert_check(const struct image_format *format, struct error **err);
/* The build's key for the registry cache: the one used before the run, or one that could not be computed then. */
int task_cache_key(struct task *task, struct error **err);
/* Takes a build's result from the registry cache: task->taken when found. Failures give a note and no error. */
void task_cache_take(struct task *task);
/* Stores a build's result in it. Failures likewise. */
void task_cache_give(struct task *task);
/* Emits a note about the run, from a task. Takes ownership of `text`. */
void task_tell(struct task *task, char *text);

/* Reports the node's progress, from its task. */
void task_report(struct task *task, const struct progress *progress);
/* Adds a line to the node's log. */
__attribute__((format(printf, 2, 3))) void task_note(struct task *task, const char *fmt, ...);
/* {"references": [...]}: malloc'd JSON. */
char *task_references_json(struct task *task);
/* The task's staging folder, created on first use. */
const char *task_staging(struct task *task, struct error **err);
/* Lists the entries that count in the folder of a build's context, including outputs of steps: an array to be
 * freed, even on failure; its texts are in the arena or borrowed from the source. */
int task_list(struct task *task, size_t context, struct arena *arena, struct build_file **ret, size_t *ret_len,
	      struct error **err);
/* Copies exactly those entries to `to`. */
int task_replicate(struct task *task, size_t context, const char *to, struct error **err);

#endif
