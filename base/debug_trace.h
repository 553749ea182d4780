#ifndef BASE_DEBUG_TRACE_H
#define BASE_DEBUG_TRACE_H

#include <stdbool.h>
#include <stdint.h>

struct error;
struct json;

/*
 * The debug trace (docs/trace.md): what cbuild decides, starts and asks, one JSON object a line, for bug reports. CBUILD_TRACE
 * names the file that lines are added to; 1 is standard error. Any thread.
 *
 *   if (trace_on()) {
 *           struct json *line = trace_begin("module");
 *
 *           trace_str(line, "name", soname);
 *           trace_end(line);
 *   }
 */

/* Opens it where it is wanted. ERROR_USAGE: it cannot be written. */
int trace_start(struct error **err);
/* Whether lines are written: one look when they are not. */
bool trace_on(void);
/* Its end, at the end of the process: ERROR_STATE when a line could not be written, as on a full disk. */
int trace_stop(struct error **err);

/* An event; json_set_int and json_set_bool add numbers. */
struct json *trace_begin(const char *event);
/* A text, with secrets hidden (base/redact.h); NULL is left out. */
void trace_str(struct json *line, const char *name, const char *text);
/* The first line of an error's message, as "error"; NULL is left out. Further lines quote what a child printed. */
void trace_error(struct json *line, const struct error *error);
/* One more text of a list. */
void trace_add(struct json *line, const char *name, const char *text);
/* The words of a command (NULL-terminated): also what stands behind an option for a secret is hidden. */
void trace_words(struct json *line, const char *name, const char *const *words);
/* Writes the line, and frees it. */
void trace_end(struct json *line);

/* Microseconds since the trace began. */
int64_t trace_now(void);

#endif
