#ifndef DSL_OUTSIDE_H
#define DSL_OUTSIDE_H

#include <stdbool.h>

struct error;

/* A manifest may come from a stranger: files it names must be inside the project, unless the user allows more. */

/* ERROR_USAGE when `path`, after following links, is outside the folder `project` (absolute, without links; NULL:
 * no restriction). */
int outside_refuse(const char *project, const char *path, struct error **err);
/* True for a text that looks like a manifest. Complaints about other texts must not quote them. */
bool outside_is_manifest(const char *text);

#endif
