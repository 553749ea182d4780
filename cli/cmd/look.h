#ifndef CLI_CMD_LOOK_H
#define CLI_CMD_LOOK_H

#include <stdbool.h>

struct session;
struct options;

/* The known keys of a plan's nodes, to notice whether something has changed. */
struct look;

/* From a session with a plan. */
struct look *look_take(struct session *session);
void look_free(struct look *look); /* NULL-safe */
/* True when a node's key changed, or the nodes themselves did. A key that is unknown in one of them counts as equal. */
bool look_differs(const struct look *before, const struct look *after);

/* What a build of this would be about, as a sentence: "web/index.html changed, building web". NULL when nothing is to be built. Owned by the look. */
const char *look_cause(const struct look *look);

/* The folders in which a relevant change can happen; NULL-terminated, owned by the look. */
const char *const *look_folders(const struct look *look);

#endif
