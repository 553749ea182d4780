#ifndef ENGINE_EXEC_PRESENT_H
#define ENGINE_EXEC_PRESENT_H

#include <stdbool.h>

struct error;
struct layout;
struct manifest;
struct node;
struct record;
struct state;

/* Whether results are still where their records say (docs/state.md). No process is started; no
 * socket but docker's is opened. Each index is read once. */
struct present;

/* `builder` and `runtime`: names that this run is bound to, or NULL: any. Results that those cannot read count as
 * missing. */
struct present *present_new(struct layout *layout, struct state *state, const struct manifest *manifest,
			    const char *builder, const char *runtime);
void present_free(struct present *present); /* NULL-safe */
/* The store that was made, or opened again, since. */
void present_set_layout(struct present *present, struct layout *layout);
/* The plan is made: from now on what is pushed is decided anew. */
void present_set_running(struct present *present);
/* Looks, with several threads when they are many, at the images of builds that present_check will be asked about while a
 * plan is made. */
void present_ahead(void *data, const struct record *const *records, size_t len);
/* A plan_present; `data` is the struct present. */
int present_check(void *data, const struct node *node, const struct record *record, const char **ret_what,
		  struct error **err);

#endif
