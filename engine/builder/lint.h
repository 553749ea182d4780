#ifndef ENGINE_BUILDER_LINT_H
#define ENGINE_BUILDER_LINT_H

#include "engine/builder/builder.h"

struct daemon;
struct logins;
struct logins;

/* The checks of BuildKit's frontend (frontend.lint), for builder_check. */
int lint_check(struct logins *logins, struct daemon *daemon, const struct build_job *job, builder_found *found,
	       void *data, struct error **err);
/* Parses its answer. */
int lint_read(const char *text, size_t len, builder_found *found, void *data, struct error **err);

#endif
