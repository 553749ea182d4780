#ifndef ENGINE_EXEC_RUN_H
#define ENGINE_EXEC_RUN_H

#include <stdbool.h>
#include <stddef.h>

struct bases;
struct urls;
struct error;
struct layout;
struct loop;
struct plan;
struct logins;
struct registry;
struct sink;
struct source;
struct state;
struct tags_held;

/* Runs a plan: opens builder and runtime when a node needs them, runs what is stale, records results, emits events. */

struct run_options {
	const char *builder;    /* name, or NULL: any that works */
	bool builder_preferred; /* use another if that one cannot be used */
	const char *runtime;    /* the same */
	bool runtime_preferred;
	size_t jobs;           /* slots; 0: those of the make that runs us, else the number of processors */
	const char *makeflags; /* MAKEFLAGS of the environment, which names make's slots, or NULL */
	double max_load; /* -l: while the load average is above, nothing starts unless nothing is running; 0: no limit */
	bool keep_going; /* -k */
	struct registry *registry;
	struct logins *logins;
	struct bases *bases;              /* of that client */
	struct urls *urls;                /* of the same loop */
	const struct tags_held *held;     /* of tags_check, or NULL */
	const struct ec_key *signer;      /* signs what is pushed, or NULL */
	const struct tags_others *others; /* of tags_others_find, or NULL */
	bool pull;                        /* take what registries have, not what an engine has under the same name */
	bool take_results; /* reuse from the registry cache results that cache_take_results could not look up before */
	bool give_results; /* store results there */
	const char *state_dir; /* absolute path of .cbuild */
	const char *command;   /* as typed, for the history */
	bool anew;             /* the caller plans and runs again when files have changed while they were sent */
	bool ticks;            /* emit EVENT_TICK and EVENT_RESIZE */
	const struct sink *sink;
};

/* ret_status is the exit status: 0, or that of the first failure; 130 or 143 when interrupted. *ret_outdated: nothing
 * failed, but it must be planned and run again (run_options.anew). Negative only when
 * the run itself was stopped (state, disk, no builder), for the reason in *err. A plan with nothing to do returns
 * at once: nothing is opened, started or written. */
int run_plan(struct plan *plan, struct loop *loop, struct state *state, struct layout *layout, struct source *source,
	     const struct run_options *options, int *ret_status, bool *ret_outdated, struct error **err);

/* Removes what killed runs left: processes, containers, staging folders. Cheap when there is nothing. */
int run_sweep(const char *state_dir, struct loop *loop, struct state *state, struct layout *layout, struct error **err);
/* The gate keeps runs and removals apart. `clean`, `prune` and `fsck` hold it while they work; a run waits for it,
 * and holds it until its own lock file shows that it is running. *ret_fd: close() it to let go. */
int run_gate(const char *state_dir, int *ret_fd, struct error **err);
/* True when a killed run left something to remove. */
bool run_needs_sweep(const char *state_dir);

#endif
