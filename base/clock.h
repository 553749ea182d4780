#ifndef BASE_CLOCK_H
#define BASE_CLOCK_H

#include <stdint.h>

/* The time of day in milliseconds since 1970: to be told and kept, never to measure with, since it may be set. */
int64_t clock_unix_ms(void);

#endif
