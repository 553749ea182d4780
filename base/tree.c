#include "config.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/bug.h"
#include "base/error.h"
#include "base/fs.h"
#include "base/mem.h"

/* The part of fs.h that walks whole trees. */

/* A folder on the path down. Only the deepest one is open, so no tree is too deep; the way back up is "..", and
 * device and inode tell whether it still leads to where we came from. */
struct tree_level {
	dev_t dev;
	ino_t ino;
	char *name;       /* in the level above */
	struct buf below; /* names of its folders that remain, each with its NUL */
	size_t next;      /* where in `below` the next one starts */
};

struct tree_walk {
	struct tree_level *levels;
	size_t depth;
	size_t cap;
	int fd; /* of the deepest level */
};

static void tree_walk_free(struct tree_walk *walk)
{
	for (size_t i = 0; i < walk->depth; i++) {
		free(walk->levels[i].name);
		buf_free(&walk->levels[i].below);
	}
	free(walk->levels);
	if (walk->fd >= 0)
		close(walk->fd);
}

/* Opens a folder to empty it, after giving its owner all rights; never follows a link. */
static int open_below(int parent, const char *name)
{
	const int flags = O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC;
	int fd = openat(parent, name, flags);
	struct stat st;

	if (fd < 0 && errno == EACCES && fchmodat(parent, name, S_IRWXU, AT_SYMLINK_NOFOLLOW) == 0)
		fd = openat(parent, name, flags);
	if (fd < 0)
		return -1;
	if (fstat(fd, &st) == 0 && (st.st_mode & S_IRWXU) != S_IRWXU)
		(void)fchmod(fd, S_IRWXU); /* if that fails, removing the files will say why */
	return fd;
}

/* Removes everything that is not a folder and notes the names of folders. */
static int remove_entry(struct tree_walk *walk, struct tree_level *level, const struct dirent *entry)
{
	struct stat st;

	if (strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0)
		return 0;
	if (entry->d_type != DT_DIR) {
		if (unlinkat(walk->fd, entry->d_name, 0) == 0 || errno == ENOENT)
			return 0;
		/* EISDIR (or EPERM on other systems): it is a folder although the directory entry did not say so. */
		if ((errno != EISDIR && errno != EPERM) || fstatat(walk->fd, entry->d_name, &st, AT_SYMLINK_NOFOLLOW) < 0)
			return -1;
		if (!S_ISDIR(st.st_mode)) {
			errno = EPERM;
			return -1;
		}
	}
	buf_add(&level->below, entry->d_name, strlen(entry->d_name) + 1);
	return 0;
}

static int empty_level(struct tree_walk *walk)
{
	struct tree_level *level = &walk->levels[walk->depth - 1];
	/* fdopendir takes over its descriptor, so give it a duplicate. */
	int fd = fcntl(walk->fd, F_DUPFD_CLOEXEC, 0);
	DIR *dir = fd < 0 ? NULL : fdopendir(fd);
	const struct dirent *entry;
	int result = 0;
	int errnum;

	if (!dir) {
		errnum = errno;
		if (fd >= 0)
			close(fd);
		errno = errnum;
		return -1;
	}
	while (result == 0) {
		errno = 0;
		entry = readdir(dir);
		if (!entry) {
			result = errno ? -1 : 0;
			break;
		}
		result = remove_entry(walk, level, entry);
	}
	errnum = errno;
	closedir(dir);
	errno = errnum;
	return result;
}

/* Goes down into the folder `name`. A file system mounted there is not ours to remove. */
static int walk_down(struct tree_walk *walk, int parent, const char *name)
{
	struct stat st;
	struct tree_level *level;
	int fd = open_below(parent, name);

	if (fd < 0)
		return -1;
	if (fstat(fd, &st) < 0 || (walk->depth > 0 && st.st_dev != walk->levels[0].dev)) {
		close(fd);
		errno = EXDEV; /* fstat of an open folder does not fail */
		return -1;
	}
	mem_reserve(&walk->levels, &walk->cap, walk->depth + 1, sizeof(*walk->levels));
	level = &walk->levels[walk->depth++];
	*level = (struct tree_level){ .dev = st.st_dev, .ino = st.st_ino, .name = mem_strdup(name) };
	if (walk->fd >= 0)
		close(walk->fd);
	walk->fd = fd;
	return empty_level(walk);
}

/* Goes up one level and removes the folder we came from. */
static int walk_up(struct tree_walk *walk)
{
	struct tree_level *from = &walk->levels[walk->depth - 1];
	const struct tree_level *to = from - 1;
	int fd = openat(walk->fd, "..", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	struct stat st;
	int result;

	bug_if(walk->depth < 2, "\"..\" of the folder that is removed");
	if (fd < 0)
		return -1;
	if (fstat(fd, &st) < 0 || st.st_dev != to->dev || st.st_ino != to->ino) {
		close(fd);
		errno = EBUSY; /* moved while we were in it */
		return -1;
	}
	close(walk->fd);
	walk->fd = fd;
	walk->depth--;
	result = unlinkat(fd, from->name, AT_REMOVEDIR);
	if (result < 0 && errno == ENOENT)
		result = 0;
	free(from->name);
	buf_free(&from->below);
	return result;
}

static int empty_tree(struct tree_walk *walk, const char *path)
{
	if (walk_down(walk, AT_FDCWD, path) < 0)
		return -1;
	for (;;) {
		struct tree_level *level = &walk->levels[walk->depth - 1];
		int result;

		if (level->next < level->below.len) {
			const char *name = level->below.data + level->next;

			level->next += strlen(name) + 1;
			result = walk_down(walk, walk->fd, name);
			if (result < 0 && errno == ENOENT)
				continue;
		} else if (walk->depth > 1) {
			result = walk_up(walk);
		} else {
			return 0;
		}
		if (result < 0)
			return -1;
	}
}

/* The path from the top to the current folder, for the error. */
static char *walk_path(const struct tree_walk *walk, const char *path)
{
	struct buf where = { 0 };

	buf_str(&where, path);
	for (size_t i = 1; i < walk->depth; i++)
		buf_printf(&where, "/%s", walk->levels[i].name);
	return buf_steal(&where);
}

static int remove_folder(const char *path, struct error **err)
{
	struct tree_walk walk = { .fd = -1 };
	int result = empty_tree(&walk, path);

	if (result < 0) {
		int errnum = errno;
		cleanup_free char *where = walk_path(&walk, path);

		error_errno(err, ERROR_STATE, errnum, "%s: cannot remove its contents", where);
	}
	tree_walk_free(&walk);
	if (result == 0 && rmdir(path) < 0 && errno != ENOENT)
		return error_errno(err, ERROR_STATE, errno, "%s: cannot remove", path);
	return result;
}

int fs_remove_tree(const char *path, struct error **err)
{
	cleanup_free char *bare = mem_strdup(path);
	size_t len = strlen(bare);
	const char *name;
	struct stat st;

	/* A trailing slash would follow a link. */
	while (len > 1 && bare[len - 1] == '/')
		bare[--len] = '\0';
	name = path_base(bare);
	if (!*name || strcmp(name, ".") == 0 || strcmp(name, "..") == 0)
		return error_make(err, ERROR_INTERNAL, "refusing to remove '%s'", path);
	if (lstat(bare, &st) < 0)
		return errno == ENOENT ? 0 : error_errno(err, ERROR_STATE, errno, "%s: cannot remove", path);
	if (S_ISDIR(st.st_mode))
		return remove_folder(bare, err);
	if (unlink(bare) < 0 && errno != ENOENT)
		return error_errno(err, ERROR_STATE, errno, "%s: cannot remove", path);
	return 0;
}

/* A file with several hard links, to be counted once. */
struct shared {
	dev_t dev;
	ino_t ino;
	uint64_t bytes;
};

struct usage {
	uint64_t bytes;
	struct shared *shared;
	size_t shared_len;
	size_t shared_cap;
	char **folders; /* yet to be read */
	size_t folder_len;
	size_t folder_cap;
};

static void usage_add(struct usage *usage, const struct stat *st)
{
	uint64_t bytes = (uint64_t)st->st_blocks * 512; /* the unit of st_blocks, whatever the disk's */

	if (S_ISDIR(st->st_mode) || st->st_nlink < 2) {
		usage->bytes += bytes;
		return;
	}
	mem_reserve(&usage->shared, &usage->shared_cap, usage->shared_len + 1, sizeof(*usage->shared));
	usage->shared[usage->shared_len++] = (struct shared){ .dev = st->st_dev, .ino = st->st_ino, .bytes = bytes };
}

/* Takes ownership of `path`. */
static void usage_later(struct usage *usage, char *path)
{
	mem_reserve(&usage->folders, &usage->folder_cap, usage->folder_len + 1, sizeof(*usage->folders));
	usage->folders[usage->folder_len++] = path;
}

static void usage_folder(struct usage *usage, const char *path)
{
	int fd = open(path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	DIR *dir = fd < 0 ? NULL : fdopendir(fd);
	const struct dirent *entry;

	if (!dir) {
		if (fd >= 0)
			close(fd);
		return;
	}
	while ((entry = readdir(dir))) {
		struct stat st;

		if (strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0)
			continue;
		if (fstatat(fd, entry->d_name, &st, AT_SYMLINK_NOFOLLOW) < 0)
			continue;
		usage_add(usage, &st);
		if (S_ISDIR(st.st_mode))
			usage_later(usage, path_join(path, entry->d_name));
	}
	closedir(dir);
}

static int compare_shared(const void *a, const void *b)
{
	const struct shared *x = a;
	const struct shared *y = b;

	if (x->dev != y->dev)
		return x->dev < y->dev ? -1 : 1;
	return x->ino < y->ino ? -1 : x->ino > y->ino;
}

uint64_t fs_usage(const char *path)
{
	struct usage usage = { 0 };
	struct stat st;

	if (lstat(path, &st) < 0)
		return 0;
	usage_add(&usage, &st);
	if (S_ISDIR(st.st_mode))
		usage_later(&usage, mem_strdup(path));
	while (usage.folder_len > 0) {
		cleanup_free char *folder = usage.folders[--usage.folder_len];

		usage_folder(&usage, folder);
	}
	if (usage.shared_len > 0)
		qsort(usage.shared, usage.shared_len, sizeof(*usage.shared), compare_shared);
	for (size_t i = 0; i < usage.shared_len; i++) {
		if (i == 0 || compare_shared(&usage.shared[i - 1], &usage.shared[i]) != 0)
			usage.bytes += usage.shared[i].bytes;
	}
	free(usage.shared);
	free(usage.folders);
	return usage.bytes;
}
