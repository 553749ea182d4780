#ifndef ENGINE_RUNTIME_DOCKER_EVENTS_H
#define ENGINE_RUNTIME_DOCKER_EVENTS_H

#include <stddef.h>
#include <stdint.h>

#include "engine/runtime/runtime.h"

/* What docker's daemon says has happened to its images: some tenths of a millisecond, where each image that it looks at takes five. */

/* After a load that began at `since` (nanoseconds since 1970): the text by which docker_events_hold finds its event again, malloc'd, or NULL
 * when it cannot be told. */
char *docker_events_mark(const char *socket, const struct runtime_image *image, const char *const *references,
			 size_t len, uint64_t since);
/* Sets `held` of those of which it is certain that nothing has happened to them and their names since their marks. The others must be looked
 * at: nothing is said of them. *ret_now (malloc'd, or NULL): a mark of this moment, for what that look finds. */
void docker_events_hold(const char *socket, struct runtime_presence *items, size_t len, char **ret_now);

#endif
