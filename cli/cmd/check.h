#ifndef CLI_CMD_CHECK_H
#define CLI_CMD_CHECK_H

#include <stddef.h>

struct error;
struct options;

/* Checks the Dockerfiles of these targets (NULL-terminated), as a build of one with `call = "check"` does it: the status is 1 for BuildKit's warnings, too. */
int check_named(const struct options *options, const char **targets, size_t len, struct error **err);

#endif
