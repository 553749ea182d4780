#ifndef DSL_OUTSIDE_H
#define DSL_OUTSIDE_H

#include <stdbool.h>

struct error;

/* A manifest may come from a stranger: what it names is read inside the project only, unless the user allows more. */

/* ERROR_USAGE when what stands at `path`, links followed, is not in the folder `project` (absolute, without links;
 * NULL: anything may be read). */
int outside_refuse(const char *project, const char *path, struct error **err);
/* A text that says of itself that it is a manifest. Of others, complaints show no line. */
bool outside_is_manifest(const char *text);

#endif
