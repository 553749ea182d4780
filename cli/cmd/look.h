#ifndef CLI_CMD_LOOK_H
#define CLI_CMD_LOOK_H

#include <stdbool.h>

struct session;
struct options;

/* The known keys of a plan's nodes, to tell whether something has changed. */
struct look;

/* Of a session with a plan. */
struct look *look_take(struct session *session);
void look_free(struct look *look); /* NULL-safe */
/* A look at what is there now: NULL when the manifest cannot be read or planned. Nothing is shown. */
struct look *look_again(const struct options *options);
/* A node's key is another one, or the nodes themselves are others. What is not known in one of them counts as equal. */
bool look_differs(const struct look *before, const struct look *after);

/* The folders in which something can change that counts; NULL-terminated, the look's. */
const char *const *look_folders(const struct look *look);

#endif
