#ifndef ENGINE_IO_FILE_WATCH_H
#define ENGINE_IO_FILE_WATCH_H

#include <stdint.h>

struct error;
struct loop;

/*
 * Reports changes in folders: an entry is added, removed, or written to. Folders inside a watched one are watched only
 * when they are added themselves. Loop's thread only.
 */
struct watch;

#define WATCH_QUIET_MS 80   /* a burst of changes is reported once it is over */
#define WATCH_LATEST_MS 800 /* or after this time, if it does not end */

/* Calls `changed(arg)` on the loop's thread. */
struct watch *watch_new(struct loop *loop, void (*changed)(void *arg), void *arg);
/* After loop_free: it closes what the loop watches. NULL-safe. */
void watch_free(struct watch *watch);
/* Watches the folder at `path`: 1, or 0 when it is watched already or does not exist. Earlier changes in it are not
 * reported. ERROR_STATE when the system's limit of watches is reached. */
int watch_folder(struct watch *watch, const char *path, struct error **err);

#endif
