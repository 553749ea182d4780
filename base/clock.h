#ifndef BASE_CLOCK_H
#define BASE_CLOCK_H

#include <stdint.h>

/* The time of day, in milliseconds since 1970. For timestamps only: it may jump, so never measure with it. */
int64_t clock_unix_ms(void);
uint64_t clock_unix_ns(void);
#define CLOCK_SECOND 1000000000u /* in nanoseconds */
/* Milliseconds since the machine was started, also of those that it slept. No one sets it. */
int64_t clock_running_ms(void);

#endif
