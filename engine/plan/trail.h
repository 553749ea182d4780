#ifndef ENGINE_PLAN_TRAIL_H
#define ENGINE_PLAN_TRAIL_H

#include <stdbool.h>

/* Follows links in folders along the paths that instructions name, even to targets that do not exist yet. Examines
 * each entry once. */
struct trail;

struct trail *trail_new(void);
void trail_free(struct trail *trail); /* NULL-safe */

/* Whether `pattern` (glob.h; "**" as a component is any number of folders), followed from the folder `root` as
 * builders follow the links that a COPY names, leads to or through what is at `path` (relative to the root, and not
 * behind a link itself), or to one of its parent folders. True in doubt. */
bool trail_leads(struct trail *trail, const char *root, const char *pattern, const char *path);

/* The real path as far as it exists (malloc'd). Its last component is not followed. */
char *trail_real(const char *path);

#endif
