#ifndef ENGINE_BUILDER_SOLVE_STEPS_H
#define ENGINE_BUILDER_SOLVE_STEPS_H

#include <stdbool.h>

struct error;
struct loop;
struct output;
struct status_event;

/* Turns BuildKit's status messages into log lines and steps for the display, without repetitions. Used by one
 * thread, the one that reads Status; the display is reached through the loop. */
struct solve_steps;

struct solve_steps *solve_steps_new(struct loop *loop, const struct output *output);
void solve_steps_free(struct solve_steps *steps); /* NULL-safe */
void solve_steps_take(void *steps, const struct status_event *event);
/* The step that failed, by its name; NULL when none did. With why (borrowed, or NULL) and the last lines that it printed (malloc'd). */
const char *solve_steps_failed(const struct solve_steps *steps, const char **ret_why, char **ret_tail);
/* Negative when the log could not be written. */
int solve_steps_error(struct solve_steps *steps, struct error **err);

#endif
