#ifndef ENGINE_SOURCE_DETOUR_H
#define ENGINE_SOURCE_DETOUR_H

#include <stdbool.h>
#include <stddef.h>

struct detour;
struct selector;

/* Adds to the selector the targets of the links that its patterns led to. True when there was a new one. */
bool detour_follow(struct selector *selector, const struct detour *detours, size_t len);

#endif
