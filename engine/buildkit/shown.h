#ifndef ENGINE_BUILDKIT_SHOWN_H
#define ENGINE_BUILDKIT_SHOWN_H

#include <stddef.h>

struct error;
struct filesync_folder;

/*
 * What daemons were shown of a build's folders before. BuildKit keeps a copy of each folder that it is sent, under the session's key; it
 * asks only for the files that differ from it in size, time or mode, and goes on using the bytes that it has of the others. So
 * everything that was ever shown under a key is remembered, with what its content was. A file or link of which the same is to be shown
 * with another content is shown a nanosecond later: it alone is asked for, and images do not show it. A folder with another mode is
 * not seen at all: then, and when what was remembered is lost or grows too large, the key is a new one.
 */
#define SHOWN_KEY 65 /* characters */

/* Adjusts the entries' times, and gives the key to show these folders under. `name` tells this set of folders from others of
 * the checkout. What is shown is durably noted in the folder `dir` (made when missing) before this returns; a copy of that
 * folder gives other keys. Several processes may do it at once. ERROR_STATE. */
int shown_settle(const char *dir, const char *name, struct filesync_folder *folders, size_t len,
		 char ret[SHOWN_KEY + 1], struct error **err);

#endif
