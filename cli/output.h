#ifndef CLI_OUTPUT_H
#define CLI_OUTPUT_H

#include <stdbool.h>
#include <stddef.h>

struct diags;
struct error;

/* Data to stdout, all or an error (a closed pipe or a full disk is not silent). Returns 0. */
int output_data(const char *data, size_t len, struct error **err);
/* The same for a text that others wrote: as it is, but made safe where stdout is a terminal. */
int output_text(const char *text, size_t len, struct error **err);
/* A new file, all or nothing: ERROR_USAGE when there is one already, ERROR_STATE when it cannot be written. */
int output_new_file(const char *path, const char *data, size_t len, struct error **err);
/* The same; to stdout when `path` is NULL or "-". */
int output_file(const char *path, const char *data, size_t len, struct error **err);
/* Complaints and errors to stderr. */
void output_diags(struct diags *diags);
void output_error(const struct error *error);
/* A note to stderr: "cbuild: ...". */
__attribute__((format(printf, 1, 2))) void output_note(const char *fmt, ...);
/* Whether stderr may carry colours: a terminal, no NO_COLOR, TERM not "dumb". */
bool output_color(void);
/* Whether stderr is a terminal that can move its cursor, and not a CI's. */
bool output_live(void);

#endif
