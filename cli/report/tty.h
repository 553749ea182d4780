#ifndef CLI_REPORT_TTY_H
#define CLI_REPORT_TTY_H

#include <stddef.h>

struct event;
struct report_state;

/* The lines at the bottom of a terminal. */
struct live;
struct live *live_new(const struct report_state *state);
void live_free(struct live *live);
void live_event(struct live *live, const struct event *event);
/* Prints `text` above the live lines. */
void live_print(struct live *live, const char *text, size_t len);

#endif
