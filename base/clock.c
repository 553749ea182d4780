#include "config.h"

#include <time.h>

#include "base/clock.h"

#ifdef CLOCK_BOOTTIME
#define CLOCK_RUNNING CLOCK_BOOTTIME
#else
#define CLOCK_RUNNING CLOCK_MONOTONIC
#endif

static int64_t clock_ms(clockid_t clock)
{
	struct timespec now;

	clock_gettime(clock, &now);
	return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

int64_t clock_unix_ms(void)
{
	return clock_ms(CLOCK_REALTIME);
}

uint64_t clock_unix_ns(void)
{
	struct timespec now;

	clock_gettime(CLOCK_REALTIME, &now);
	return (uint64_t)now.tv_sec * CLOCK_SECOND + (uint64_t)now.tv_nsec;
}

int64_t clock_running_ms(void)
{
	return clock_ms(CLOCK_RUNNING);
}
