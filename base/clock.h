#ifndef BASE_CLOCK_H
#define BASE_CLOCK_H

#include <stdint.h>

/* The time of day, in milliseconds since 1970. For timestamps only: it may jump, so never measure with it. */
int64_t clock_unix_ms(void);

#endif
