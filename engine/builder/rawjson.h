#ifndef ENGINE_BUILDER_RAWJSON_H
#define ENGINE_BUILDER_RAWJSON_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/*
 * BuildKit's progress as its clients print it with --progress=rawjson (client.SolveStatus): a vertex is a step, told
 * again each time something about it changes. What is told twice is reported once.
 */

enum raw_kind {
	RAW_START,   /* a step began */
	RAW_CACHED,  /* a step need not be done */
	RAW_LINE,    /* text, len: a line that a step printed, raw bytes; the last one when the step has ended */
	RAW_BYTES,   /* bytes, total (0: not known): of what a step moves */
	RAW_ERROR,   /* text, len: a step failed */
	RAW_WARNING, /* text, len: about a step */
	RAW_TEXT     /* text, len: a line of the client's own, no JSON; name is NULL */
};

struct raw_event {
	enum raw_kind kind;
	const char *name; /* of the step, as BuildKit calls it: "[web build 2/3] RUN make" */
	const char *text; /* not NUL-terminated */
	size_t len;
	uint64_t bytes, total;
	const char *what; /* of RAW_BYTES: "transferring context" */
};

struct rawjson;

/* `event` is called by rawjson_add. */
struct rawjson *rawjson_new(void (*event)(void *data, const struct raw_event *event), void *data);
void rawjson_free(struct rawjson *raw); /* NULL-safe */
/* One line of the client's, or a piece of one that was too long for the reader. An object may go over several lines. */
void rawjson_add(struct rawjson *raw, const char *line, size_t len);
/* True when the step's error only says that it was stopped because another one failed. */
bool rawjson_was_stopped(const char *error, size_t len);

#endif
