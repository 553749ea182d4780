#ifndef ENGINE_EXEC_PRESENT_H
#define ENGINE_EXEC_PRESENT_H

#include <stdbool.h>

struct error;
struct layout;
struct manifest;
struct node;
struct plan_lost;
struct record;
struct state;

/* Whether results are still where their records say (docs/state.md). Starts no process and opens no socket except
 * docker's. Each index is read once. */
struct present;

/* `builder` and `runtime`: names that this run is limited to, or NULL: any. Results that those cannot read count as
 * missing. */
struct present *present_new(struct layout *layout, struct state *state, const struct manifest *manifest,
			    const char *builder, const char *runtime);
void present_free(struct present *present); /* NULL-safe */
/* Sets the store after it was created or reopened. */
void present_set_layout(struct present *present, struct layout *layout);
/* The plan is made: from now on, pushed results are decided again. */
void present_set_running(struct present *present);
/* Checks in advance the images of builds that present_check will be asked about, with several threads if there are
 * many. */
void present_ahead(void *data, const struct record *const *records, size_t len);
/* A plan_present; `data` is the struct present. */
int present_check(void *data, const struct node *node, const struct record *record, struct plan_lost *ret,
		  struct error **err);

#endif
