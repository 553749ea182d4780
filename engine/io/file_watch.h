#ifndef ENGINE_IO_FILE_WATCH_H
#define ENGINE_IO_FILE_WATCH_H

#include <stdint.h>

struct error;
struct loop;

/*
 * Tells when something changes in folders: an entry comes, goes, or is written to. Folders below a watched one are watched
 * only when they are added themselves. Loop's thread only.
 */
struct watch;

#define WATCH_QUIET_MS 80   /* a burst of changes is told once it is over */
#define WATCH_LATEST_MS 800 /* or after this, when it does not end */

/* Calls `changed(arg)` on the loop's thread. */
struct watch *watch_new(struct loop *loop, void (*changed)(void *arg), void *arg);
/* After loop_free: it closes what the loop watches. NULL-safe. */
void watch_free(struct watch *watch);
/* Watches what stands at `path` now: 1, or 0 when that was watched already, or nothing is there. What changed in it before is not
 * told. ERROR_STATE when the system watches no more folders. */
int watch_folder(struct watch *watch, const char *path, struct error **err);

#endif
