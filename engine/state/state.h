#ifndef ENGINE_STATE_STATE_H
#define ENGINE_STATE_STATE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/xxh3.h"

struct error;
struct hasher;

/*
 * `.cbuild/state.db` (SQLite, rollback journal): records, runs, timings. Reading writes nothing. Any thread may read and write; what is
 * written waits for the disk, so not the loop's.
 * Errors are ERROR_STATE. A damaged database is put aside (renamed state.db.damaged) and a new one begun; a newer
 * version is an error and left untouched.
 */
struct state;

/* `read_only`: for -n, and to find out that there is nothing to do. Then a missing database counts as empty and is
 * not created. The only write is rolling back the journal of a writer that was killed. */
int state_open(const char *path, bool read_only, struct state **ret, struct error **err);
/* Makes a read-only state writable. */
int state_allow_writing(struct state *state, struct error **err);
void state_free(struct state *state); /* NULL-safe */
void state_cleanup(struct state **state);
#define cleanup_state __attribute__((cleanup(state_cleanup)))
/* True when a damaged database was put aside, by state_open or later (the caller must report it). Opened read-only,
 * it was left where it is and counts as empty. */
bool state_repaired(const struct state *state);

/* The result of a finished node; durable when state_put returns. */
struct record {
	char *node; /* "build:control-plane:linux/amd64" */
	char key[HASH_HEX + 1];
	char *identity;  /* what dependents' keys hold: config digest, index digest, output digests */
	char *digest;    /* manifest or index in the store, or NULL */
	char *place;     /* "store", or the builder's storage that has it ("containers-storage") */
	char *builder;   /* name and version, or NULL */
	char *detail;    /* JSON object with details of the node's kind, or NULL */
	uint64_t size;   /* bytes, compressed */
	int64_t when_ms; /* Unix time when it was done */
	int64_t took_ms;
};
void record_free(struct record *record); /* NULL-safe; the struct too */
void record_cleanup(struct record **record);
#define cleanup_record __attribute__((cleanup(record_cleanup)))
/* All of these skip records that were damaged on disk. */

/* The record of `node` under `key`, or *ret = NULL. */
int state_find(struct state *state, const char *node, const char *key, struct record **ret, struct error **err);
/* The newest record of `node`, or *ret = NULL. */
int state_last(struct state *state, const char *node, struct record **ret, struct error **err);
/* Every node's newest record in one query, sorted by node: for the no-op path. */
int state_all_last(struct state *state, struct record **ret, size_t *ret_len, struct error **err);
/* All records of a node, the newest first; the same. */
int state_all_of(struct state *state, const char *node, struct record **ret, size_t *ret_len, struct error **err);
void records_free(struct record *records, size_t len);
/* Stores a record and the inputs of its key (a text, possibly large: kept only for the newest record of a node).
 * Replaces a record with the same node and key. */
int state_put(struct state *state, const struct record *record, const char *inputs, size_t inputs_len,
	      struct error **err);
/* Makes existing records their nodes' newest again, with the inputs they had. A record that is gone meanwhile is
 * skipped. */
struct renewal {
	const char *node, *key;
	const char *inputs; /* as in state_put */
	size_t inputs_len;
};
int state_renew(struct state *state, const struct renewal *items, size_t len, struct error **err);
/* The inputs of the newest record of `node` (malloc'd, NUL-terminated), or *ret = NULL. */
int state_inputs(struct state *state, const char *node, char **ret, size_t *ret_len, struct error **err);
int state_forget(struct state *state, const char *node, struct error **err); /* all its records */

/* Runs: the history (of the last 1000). */
#define STATE_FAILED "failed" /* the outcome that state_log prefers */
#define STATE_STEPS \
	".steps" /* appended to a build's log: the file with the times of its Dockerfile's steps (engine/builder/step_times.h) */
/* The plan of a run. */
struct run_plan {
	size_t nodes, builds; /* of the plan; builds are among the nodes */
	const char *text;     /* JSON (docs/plan-json.md), kept for the last 100 runs; or NULL */
};
int state_run_begin(struct state *state, const char *command, const struct run_plan *plan, int64_t *ret_run,
		    struct error **err);
int state_run_node(struct state *state, int64_t run, const char *node, const char *outcome, int64_t start_ms,
		   int64_t took_ms, const char *log, struct error **err);
int state_run_end(struct state *state, int64_t run, int status, struct error **err);
/* Runs as they are in the history. */
struct run_info {
	int64_t id;
	char *command;
	int64_t begin_ms, end_ms;    /* Unix time; end_ms 0: still running, or killed */
	int status;                  /* -1: not finished */
	int64_t nodes, builds;       /* of its plan; -1: not known */
	int64_t done, built, failed; /* nodes that ran, builds among them, and nodes that failed */
};
void runs_free(struct run_info *runs, size_t len);
/* The newest `max` runs, the newest first; with `run` that one alone (or none). */
int state_runs(struct state *state, int64_t run, size_t max, struct run_info **ret, size_t *ret_len, struct error **err);
struct run_step {
	char *node, *outcome, *log; /* log NULL: it was not started */
	int64_t start_ms, took_ms;
};
void steps_free(struct run_step *steps, size_t len);
/* The outcomes of a run's nodes, in the order they ended; with run 0 those of all finished runs, newest first. */
int state_steps(struct state *state, int64_t run, struct run_step **ret, size_t *ret_len, struct error **err);
/* The plan's text (malloc'd), or *ret = NULL. */
int state_run_plan(struct state *state, int64_t run, char **ret, struct error **err);
/* The oldest and the newest run in the history; 0 when there is none. */
int state_run_range(struct state *state, int64_t *ret_first, int64_t *ret_last, struct error **err);
/* The log of the newest time `node` ran (malloc'd path), or *ret = NULL. `node` may be a whole id or a service's
 * name: then the newest of its nodes whose last outcome was STATE_FAILED, else the newest. */
int state_log(struct state *state, const char *node, char **ret, struct error **err);

/* Small facts that were found out once and are remembered ("buildah.isolation"): NULL when unknown. malloc'd. */
int state_fact(struct state *state, const char *name, char **ret, struct error **err);
int state_set_fact(struct state *state, const char *name, const char *value, struct error **err);
/* The same for what is true of this machine and user, whatever the project: also kept in $XDG_CACHE_HOME/cbuild (~/.cache/cbuild), so
 * that it is found out once. The name must hold all that the fact depends on. */
int state_machine_fact(struct state *state, const char *name, char **ret, struct error **err);
int state_set_machine_fact(struct state *state, const char *name, const char *value, struct error **err);
/* Hashes what this process may do, for such a name: in a container, or with lower limits, tools need other options. */
void machine_rights(struct hasher *hasher);

#endif
