#ifndef ENGINE_BUILDER_TRIAL_PROGRAM_H
#define ENGINE_BUILDER_TRIAL_PROGRAM_H

#include <stdbool.h>

struct error;

/* The smallest program that does nothing and exits with status 0, for this processor: to find out without any image
 * whether a RUN step can run here. */
bool trial_program_known(void);
/* Writes it as an executable file. ERROR_STATE. */
int trial_program_write(const char *path, struct error **err);

#endif
