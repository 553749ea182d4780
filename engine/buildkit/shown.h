#ifndef ENGINE_BUILDKIT_SHOWN_H
#define ENGINE_BUILDKIT_SHOWN_H

#include <stddef.h>

struct error;
struct filesync_folder;

/*
 * Remembers what daemons were shown of a build's folders. BuildKit keeps a copy of each folder it receives, under the
 * session's key; it requests only files whose size, time or mode differ from the copy, and reuses the others. So we
 * remember everything that was shown under a key, with its content. If a file or link has the same size, time and mode
 * but another content, its time is shown one nanosecond later: then it alone is requested, and images do not show the
 * difference. BuildKit does not notice a folder's changed mode at all: then, and when the memory is lost or grows too
 * large, a new key is used.
 */
#define SHOWN_KEY 65 /* characters */

/* Adjusts the entries' times, and returns the key to show these folders under. `name` identifies this set of
 * folders within the checkout. What is shown is durably recorded in the folder `dir` (created when missing) before
 * this returns; a copy of that folder leads to other keys. Safe for several processes at once. ERROR_STATE. */
int shown_settle(const char *dir, const char *name, struct filesync_folder *folders, size_t len,
		 char ret[SHOWN_KEY + 1], struct error **err);

#endif
