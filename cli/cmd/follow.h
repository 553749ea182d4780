#ifndef CLI_CMD_FOLLOW_H
#define CLI_CMD_FOLLOW_H

struct error;
struct loop;
struct options;

/* Shows what the services print that `watch --run` keeps running, while it waits for a change: each line once, although it waits
 * in one loop after another. */
struct follow;

struct follow *follow_new(void);
void follow_free(struct follow *follow); /* NULL-safe */
/* Finds the containers. *ret is the loop to wait with; follow_close is needed even on failure. */
int follow_open(struct follow *follow, const struct options *options, struct loop **ret, struct error **err);
/* Begins to show lines, until the loop is cancelled. */
int follow_show(struct follow *follow, struct error **err);
/* Frees the loop. An error is that a line could not be shown. */
int follow_close(struct follow *follow, struct error **err);

#endif
