#ifndef ENGINE_SOURCE_DETOUR_H
#define ENGINE_SOURCE_DETOUR_H

#include <stdbool.h>
#include <stddef.h>

struct detour;
struct selector;

/* Adds to the selector what the links point to that its patterns led to. True when that is something new. */
bool detour_follow(struct selector *selector, const struct detour *detours, size_t len);

#endif
