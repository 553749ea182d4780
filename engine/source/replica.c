#include "config.h"

#include "engine/source/replica.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/copy.h"
#include "base/error.h"
#include "base/fs.h"
#include "base/mem.h"
#include "base/xxh3.h"
#include "engine/source/context.h"
#include "engine/source/walk.h"

#define NANOSECONDS ((int64_t)1000000000)

/* The parent folders of an entry may not count themselves. */
static int make_parent(const char *path, struct error **err)
{
	cleanup_free char *parent = path_dir(path);

	return fs_mkdirs(parent, 0755, err);
}

static int make_entry(const struct source_entry *entry, const char *root, const char *to, struct error **err)
{
	cleanup_free char *source = path_join(root, entry->path), *target = path_join(to, entry->path);

	if (make_parent(target, err) < 0)
		return -1;
	if (entry->type == 'd') /* keep it writable while it is filled */
		return fs_mkdirs(target, 0700, err);
	if (entry->type == 'f')
		return copy_file(source, target, err);
	if (symlink(entry->link, target) < 0)
		return error_errno(err, ERROR_STATE, errno, "%s: cannot be created", target);
	return 0;
}

/* Sets attributes, mode and time of a folder once it is complete. Builders' caches look at the time. */
static int close_folder(const char *root, const char *to, const struct source_entry *entry, int64_t mtime,
			struct error **err)
{
	cleanup_free char *source = path_join(root, entry->path), *path = path_join(to, entry->path);
	const struct timespec times[2] = { { .tv_nsec = UTIME_OMIT },
					   { .tv_sec = mtime / NANOSECONDS, .tv_nsec = mtime % NANOSECONDS } };

	if (copy_attributes(source, path, err) < 0)
		return -1;
	if (chmod(path, (mode_t)entry->mode) < 0 || utimensat(AT_FDCWD, path, times, 0) < 0)
		return error_errno(err, ERROR_STATE, errno, "%s: cannot be created", path);
	return 0;
}

int replica_make(struct source *source, size_t selection, const char *root, const char *to, struct error **err)
{
	size_t len;
	const struct source_entry *entries = source_entries(source, selection, &len);

	if (fs_mkdirs(to, 0755, err) < 0)
		return -1;
	for (size_t i = 0; i < len; i++)
		if (make_entry(&entries[i], root, to, err) < 0)
			return -1;
	for (size_t i = len; i-- > 0;)
		if (entries[i].type == 'd' &&
		    close_folder(root, to, &entries[i], source_stamp(source, selection, i)->mtime, err) < 0)
			return -1;
	return 0;
}
