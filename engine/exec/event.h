#ifndef ENGINE_EXEC_EVENT_H
#define ENGINE_EXEC_EVENT_H

#include <stddef.h>
#include <stdbool.h>
#include <stdint.h>

struct error;
struct node;
struct progress;

/* The events of a run: one stream, any number of reporters. Emitted on the loop's thread. */

enum event_kind {
	EVENT_RUN_START,  /* nodes, stale */
	EVENT_NODE_START, /* node, log, slot */
	EVENT_NODE_LINE,  /* node, text, len: a line of its output, raw bytes */
	EVENT_NODE_STEP,  /* node, progress */
	EVENT_NODE_DONE,  /* node, outcome, took_ms, error (FAILED), text (a remark, or NULL), log */
	EVENT_NOTE,       /* text: a sentence about the run ("using buildah 1.28.2") */
	EVENT_TICK,       /* time has passed, for a live display; remaining_ms */
	EVENT_RESIZE,     /* the terminal has another size */
	EVENT_RUN_END     /* status, took_ms */
};

enum outcome {
	OUTCOME_DONE,   /* it ran */
	OUTCOME_FRESH,  /* decided fresh during the run: its dependencies came out the same */
	OUTCOME_REUSED, /* another cbuild made it meanwhile */
	OUTCOME_FAILED,
	OUTCOME_SKIPPED, /* a dependency failed */
	OUTCOME_CANCELLED,
	OUTCOME_OUTDATED, /* a file changed while it was sent: planned and run again after this run */
	OUTCOMES
};

const char *outcome_name(enum outcome outcome); /* "done" */
bool outcome_good(enum outcome outcome);        /* the node has its result */

#define UNKNOWN_MS UINT64_MAX

struct event {
	enum event_kind kind;
	const struct node *node;
	enum outcome outcome;
	const char *text; /* NUL-terminated, except in EVENT_NODE_LINE, where `len` counts */
	size_t len;
	const struct progress *progress;
	const struct error *error;
	const char *log; /* path of the node's log file */
	uint64_t took_ms;
	size_t slot;           /* the slot that the node runs in, from 0 */
	uint64_t remaining_ms; /* estimate for the rest of the run; UNKNOWN_MS when there is none */
	size_t nodes;          /* of the run */
	size_t stale;          /* number of nodes that are not fresh at its start */
	int status;            /* exit status of the run */
};

struct sink {
	void (*event)(void *data, const struct event *event);
	void *data;
};

#endif
