#ifndef CLI_OUTPUT_H
#define CLI_OUTPUT_H

#include <stdbool.h>
#include <stddef.h>

struct buf;
struct error;
struct json;
struct ref;

/* Writes all data to stdout, or fails (a closed pipe or a full disk is an error). Returns 0. */
int output_data(const char *data, size_t len, struct error **err);
/* A document, indented. */
int output_json(const struct json *document, struct error **err);
/* A list of facts as a document: {"version": 1, "NAME": [...]}, with a copy of the list. Free it with json_free. */
struct json *output_document(const char *name, const struct json *list);
/* Prints it. */
int output_list(const char *name, const struct json *list, struct error **err);
/* Appends what a reference in a registry is now: {"reference": ..., "digest": ...}. */
void output_add_reference(struct json *list, const struct ref *ref, const char *digest);
/* The same for text from outside: unchanged, but made safe if stdout is a terminal. */
int output_text(const char *text, size_t len, struct error **err);
/* Writes a new file, completely or not at all: ERROR_USAGE when it exists, ERROR_STATE when it cannot be written. */
int output_new_file(const char *path, const char *data, size_t len, struct error **err);
/* The same, but to stdout when `path` is NULL or "-". */
int output_file(const char *path, const char *data, size_t len, struct error **err);
/* Prints an error to stderr. */
void output_error(const struct error *error);
/* Prints a note to stderr: "cbuild: ...". */
__attribute__((format(printf, 1, 2))) void output_note(const char *fmt, ...);
/* Whether to use colours on stderr: a terminal, no NO_COLOR, TERM not "dumb". */
bool output_color(void);
/* Whether stderr is a terminal with a movable cursor, and not a CI's. */
bool output_live(void);
/* Whether this is a job of GitHub Actions, whose log takes workflow commands. */
bool output_github(void);
/* Adds the value of a workflow command, with what is special in one escaped. */
void output_workflow_value(struct buf *out, const char *text);
/* Writes to stderr. */
void output_stderr(const struct buf *text);

#endif
