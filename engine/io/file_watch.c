#include "config.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include <uv.h>

#include "base/error.h"
#include "base/fs.h"
#include "base/map.h"
#include "base/mem.h"
#include "engine/io/file_watch.h"
#include "engine/io/loop.h"

struct folder {
	struct folder *next;
	struct watch *watch;
	char *path;
	uv_fs_event_t event;
	bool watched;
	dev_t dev; /* identifies what is watched under the path */
	ino_t ino;
};

struct watch {
	uv_loop_t *uv;
	uv_timer_t quiet;
	bool pending;
	uint64_t first_ms; /* time of the oldest change not yet reported */
	struct folder *folders;
	struct map *known; /* path -> folder */
	void (*changed)(void *arg);
	void *arg;
};

static void on_quiet(uv_timer_t *timer)
{
	struct watch *watch = timer->data;

	watch->pending = false;
	watch->changed(watch->arg);
}

/* The event may be that the folder itself was removed or renamed: libuv then gives its own name. What comes after it may have the
 * same inode number, so it cannot be told by that. */
static bool may_be_gone(const struct folder *folder, const char *name, int events, int status)
{
	return status < 0 || !name || ((events & UV_RENAME) && strcmp(name, path_base(folder->path)) == 0);
}

static void on_event(uv_fs_event_t *event, const char *name, int events, int status)
{
	struct folder *folder = event->data;
	struct watch *watch = folder->watch;
	uint64_t now = loop_now_ms(), spent;

	if (may_be_gone(folder, name, events, status)) {
		uv_fs_event_stop(event);
		folder->watched = false;
	}
	if (!watch->pending)
		watch->first_ms = now;
	watch->pending = true;
	spent = now - watch->first_ms;
	uv_timer_start(&watch->quiet, on_quiet,
		       spent >= WATCH_LATEST_MS                   ? 0
		       : WATCH_LATEST_MS - spent < WATCH_QUIET_MS ? WATCH_LATEST_MS - spent
								  : WATCH_QUIET_MS,
		       0);
}

struct watch *watch_new(struct loop *loop, void (*changed)(void *arg), void *arg)
{
	struct watch *watch = mem_alloc(sizeof(*watch));

	watch->uv = loop_uv(loop);
	watch->known = map_new();
	watch->changed = changed;
	watch->arg = arg;
	uv_timer_init(watch->uv, &watch->quiet);
	watch->quiet.data = watch;
	return watch;
}

void watch_free(struct watch *watch)
{
	if (!watch)
		return;
	while (watch->folders) {
		struct folder *folder = watch->folders;

		watch->folders = folder->next;
		free(folder->path);
		free(folder);
	}
	map_free(watch->known);
	free(watch);
}

static struct folder *folder_new(struct watch *watch, const char *path, int *ret_r)
{
	struct folder *folder = mem_alloc(sizeof(*folder));

	folder->watch = watch;
	folder->path = mem_strdup(path);
	folder->next = watch->folders;
	watch->folders = folder;
	*ret_r = uv_fs_event_init(watch->uv, &folder->event);
	folder->event.data = folder;
	map_set(watch->known, folder->path, folder);
	return folder;
}

static int cannot_watch(const char *path, int r, struct error **err)
{
	error_make(err, ERROR_STATE, "cannot watch %s: %s", path, uv_strerror(r));
	if (r == UV_ENOSPC)
		error_remedy(err, "raise the kernel's limit: sysctl fs.inotify.max_user_watches=524288");
	else if (r == UV_EMFILE)
		error_remedy(err, "raise sysctl fs.inotify.max_user_instances, or the limit of open files (ulimit -n)");
	return -1;
}

/* The kernel watches the folder, not the path: if another folder took its place, watch that one. */
int watch_folder(struct watch *watch, const char *path, struct error **err)
{
	struct folder *folder = map_get(watch->known, path);
	bool there;
	struct stat st;
	int r = 0;

	if (!folder)
		folder = folder_new(watch, path, &r);
	there = stat(path, &st) == 0;
	if (there && folder->watched && st.st_dev == folder->dev && st.st_ino == folder->ino)
		return 0;
	if (folder->watched)
		uv_fs_event_stop(&folder->event);
	folder->watched = false;
	if (!there)
		return 0; /* it may appear: watching its parent will tell */
	if (r == 0)
		r = uv_fs_event_start(&folder->event, on_event, path, 0);
	if (r == UV_ENOENT || r == UV_ENOTDIR)
		return 0;
	if (r < 0)
		return cannot_watch(path, r, err);
	folder->watched = true;
	folder->dev = st.st_dev;
	folder->ino = st.st_ino;
	return 1;
}
