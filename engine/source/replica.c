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
#define BLOCK ((size_t)256 * 1024) /* bytes */

/* Folders on the way to an entry need not count themselves. */
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
	if (entry->type == 'd') /* open for what is to come */
		return fs_mkdirs(target, 0700, err);
	if (entry->type == 'f')
		return copy_file(source, target, err);
	if (symlink(entry->link, target) < 0)
		return error_errno(err, ERROR_STATE, errno, "%s: cannot be made", target);
	return 0;
}

/* Attributes, mode and time of a folder that is complete. Builders' caches look at the time. */
static int close_folder(const char *root, const char *to, const struct source_entry *entry, int64_t mtime,
			struct error **err)
{
	cleanup_free char *source = path_join(root, entry->path), *path = path_join(to, entry->path);
	const struct timespec times[2] = { { .tv_nsec = UTIME_OMIT },
					   { .tv_sec = mtime / NANOSECONDS, .tv_nsec = mtime % NANOSECONDS } };

	if (copy_attributes(source, path, err) < 0)
		return -1;
	if (chmod(path, (mode_t)entry->mode) < 0 || utimensat(AT_FDCWD, path, times, 0) < 0)
		return error_errno(err, ERROR_STATE, errno, "%s: cannot be made", path);
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

static int hash_open(int fd, const char *path, struct hash128 *ret, struct error **err)
{
	cleanup_hasher struct hasher *hasher = hasher_new();
	cleanup_free char *block = mem_alloc(BLOCK);
	ssize_t got;

	while ((got = read(fd, block, BLOCK)) != 0) {
		if (got > 0)
			hasher_field(hasher, "block", block, (size_t)got);
		else if (errno != EINTR)
			return error_errno(err, ERROR_STATE, errno, "%s: cannot be read", path);
	}
	*ret = hasher_done(hasher);
	return 0;
}

/* Links are as new as they are: their text is what tells them. */
static int date_file(int dir, const char *name, const char *path, struct error **err)
{
	cleanup_fd int fd = openat(dir, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
	struct timespec times[2] = { { .tv_nsec = UTIME_OMIT } };
	struct hash128 hash;
	struct stat st;

	if (fd < 0 || fstat(fd, &st) < 0)
		return error_errno(err, ERROR_STATE, errno, "%s: cannot be read", path);
	if (hash_open(fd, path, &hash, err) < 0)
		return -1;
	times[1] = (struct timespec){ .tv_sec = st.st_mtim.tv_sec, .tv_nsec = (long)(hash.lo % NANOSECONDS) };
	if (futimens(fd, times) < 0)
		return error_errno(err, ERROR_STATE, errno, "%s: cannot be dated", path);
	return 0;
}

int replica_date(const char *dir, struct error **err)
{
	DIR *stream = fs_opendir(dir);
	struct dirent *entry;
	int r = 0;

	if (!stream)
		return error_errno(err, ERROR_STATE, errno, "%s: cannot be read", dir);
	while (r == 0 && (errno = 0, entry = readdir(stream))) {
		cleanup_free char *path = path_join(dir, entry->d_name);
		struct stat st;

		if (strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0)
			continue;
		if (fstatat(dirfd(stream), entry->d_name, &st, AT_SYMLINK_NOFOLLOW) < 0)
			r = error_errno(err, ERROR_STATE, errno, "%s: cannot be looked at", path);
		else if (S_ISDIR(st.st_mode))
			r = replica_date(path, err);
		else if (S_ISREG(st.st_mode))
			r = date_file(dirfd(stream), entry->d_name, path, err);
	}
	if (r == 0 && errno)
		r = error_errno(err, ERROR_STATE, errno, "%s: cannot be read", dir);
	closedir(stream);
	return r;
}
