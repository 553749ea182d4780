#include "config.h"

#include "engine/oci/files_folder.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/error.h"
#include "base/fs.h"
#include "base/map.h"
#include "base/mem.h"
#include "base/text.h"
#include "engine/oci/image_files.h"

struct path_list {
	const char **items;
	size_t len, cap;
};

struct files_folder {
	struct files_out out;
	char *to; /* with `below` */
	char *below;
	int64_t epoch;
	int root;     /* the folder, open */
	char *parent; /* the folder of the last path, relative, and open */
	int parent_fd;
	char *temporary; /* name of what is not finished */
	int fd;          /* of the file that is written */
	struct arena *arena;
	struct path_list written, created;
	struct map *folders; /* new ones */
};

static int folder_fail(const struct files_folder *folder, const char *path, const char *what, struct error **err)
{
	cleanup_buf struct buf safe = { 0 };

	text_safe(&safe, path, strlen(path));
	return error_errno(err, ERROR_STATE, errno, "%s/%s: %s", folder->to, safe.data ? safe.data : "", what);
}

static int folder_refuse(const struct files_folder *folder, const char *path, const char *what, struct error **err)
{
	cleanup_buf struct buf safe = { 0 };

	text_safe(&safe, path, strlen(path));
	return error_make(err, ERROR_BUILD, "%s/%s: %s", folder->to, safe.data, what);
}

static void list_add(struct path_list *list, const char *path)
{
	mem_reserve(&list->items, &list->cap, list->len + 1, sizeof(*list->items));
	list->items[list->len++] = path;
}

/* What is in a new folder is new, too. */
static void note_created(struct files_folder *folder, const char *path, bool is_folder)
{
	const char *full = arena_join(folder->arena, folder->to, "/", path, NULL);
	cleanup_free char *above = path_dir(full);

	if (!map_get(folder->folders, above))
		list_add(&folder->created, full);
	if (is_folder)
		map_set(folder->folders, full, folder);
}

/* ---- parents ---- */

/* Opens the folder of `path` by way of its parents, following no link. */
static int walk_to(struct files_folder *folder, const char *dir, const char *path, struct error **err)
{
	cleanup_fd int fd = dup(folder->root);

	while (fd >= 0 && *dir) {
		size_t len = strcspn(dir, "/");
		cleanup_free char *name = mem_strndup(dir, len);
		int next = openat(fd, name, O_DIRECTORY | O_NOFOLLOW | O_RDONLY | O_CLOEXEC);

		close(fd);
		fd = next;
		dir += len + (dir[len] == '/');
	}
	if (fd < 0)
		return folder_fail(folder, path, "its folder cannot be opened", err);
	return fd_steal(&fd);
}

/* The open folder that `path` is in, kept for the next one, and its name there. */
static int parent_of(struct files_folder *folder, const char *path, const char **ret_name, struct error **err)
{
	const char *slash = strrchr(path, '/');
	size_t len = slash ? (size_t)(slash - path) : 0;

	*ret_name = slash ? slash + 1 : path;
	if (folder->parent && strlen(folder->parent) == len && strncmp(folder->parent, path, len) == 0)
		return folder->parent_fd;
	free(folder->parent);
	if (folder->parent_fd >= 0)
		close(folder->parent_fd);
	folder->parent = mem_strndup(path, len);
	folder->parent_fd = walk_to(folder, folder->parent, path, err);
	if (folder->parent_fd < 0)
		free(steal_ptr(folder->parent));
	return folder->parent_fd;
}

/* ---- entries ---- */

static int folder_begin(void *data, const char *path, const struct rafs_inode *inode, struct error **err)
{
	struct files_folder *folder = data;
	const char *name;
	struct stat st;
	int parent;

	(void)inode;
	if (!*path)
		return 0;
	parent = parent_of(folder, path, &name, err);
	if (parent < 0)
		return -1;
	if (fstatat(parent, name, &st, AT_SYMLINK_NOFOLLOW) == 0) {
		if (S_ISDIR(st.st_mode))
			return 0;
		if (unlinkat(parent, name, 0) < 0)
			return folder_fail(folder, path, "cannot be replaced by a folder", err);
	} else if (errno != ENOENT) {
		return folder_fail(folder, path, "cannot be read", err);
	}
	if (mkdirat(parent, name, 0700) < 0)
		return folder_fail(folder, path, "cannot be made", err);
	note_created(folder, path, true);
	return 0;
}

static void set_times(const struct files_folder *folder, const struct rafs_inode *inode, struct timespec ret[2])
{
	ret[0] = (struct timespec){ .tv_nsec = UTIME_OMIT };
	ret[1] = (struct timespec){ .tv_sec = (time_t)(folder->epoch >= 0 ? folder->epoch : inode->mtime) };
}

/* Only now: its owner may not be allowed to write into it. */
static int folder_end(void *data, const char *path, const struct rafs_inode *inode, struct error **err)
{
	struct files_folder *folder = data;
	struct timespec times[2];
	const char *name;
	int parent;

	if (!*path || inode->implied)
		return *path && parent_of(folder, path, &name, err) < 0 ? -1 : 0;
	parent = parent_of(folder, path, &name, err);
	set_times(folder, inode, times);
	if (parent < 0)
		return -1;
	if (fchmodat(parent, name, inode->mode & 07777, 0) < 0 || utimensat(parent, name, times, AT_SYMLINK_NOFOLLOW) < 0)
		return folder_fail(folder, path, "its attributes cannot be set", err);
	return 0;
}

/* Puts what was made under the temporary name in its place. */
static int put_in_place(struct files_folder *folder, int parent, const char *name, const char *path, struct error **err)
{
	struct stat st;
	bool there = fstatat(parent, name, &st, AT_SYMLINK_NOFOLLOW) == 0;
	int r = 0;

	if (there && S_ISDIR(st.st_mode))
		r = folder_refuse(folder, path, "it is a folder, and the build makes a file of that name", err);
	else if (renameat(parent, folder->temporary, parent, name) < 0)
		r = folder_fail(folder, path, "cannot be replaced", err);
	if (r < 0) {
		unlinkat(parent, folder->temporary, 0);
		return -1;
	}
	if (!there)
		note_created(folder, path, false);
	list_add(&folder->written, arena_join(folder->arena, folder->to, "/", path, NULL));
	return 0;
}

static int file_begin(void *data, const char *path, const struct rafs_inode *inode, struct error **err)
{
	struct files_folder *folder = data;
	const char *name;
	int parent = parent_of(folder, path, &name, err);

	(void)inode;
	if (parent < 0)
		return -1;
	unlinkat(parent, folder->temporary, 0); /* of a run that was killed */
	folder->fd = openat(parent, folder->temporary, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
	return folder->fd < 0 ? folder_fail(folder, path, "cannot be made", err) : 0;
}

static int file_content(void *data, const char *bytes, size_t len, struct error **err)
{
	struct files_folder *folder = data;

	return fs_write_all(folder->fd, bytes, len, folder->to, err);
}

static int file_end(void *data, const char *path, const struct rafs_inode *inode, struct error **err)
{
	struct files_folder *folder = data;
	cleanup_fd int fd = fd_steal(&folder->fd);
	struct timespec times[2];
	const char *name;
	int parent = parent_of(folder, path, &name, err);

	set_times(folder, inode, times);
	if (parent < 0)
		return -1;
	if (fchmod(fd, inode->mode & 07777) < 0 || futimens(fd, times) < 0 || close(fd_steal(&fd)) < 0) {
		folder_fail(folder, path, "cannot be written", err);
		unlinkat(parent, folder->temporary, 0);
		return -1;
	}
	return put_in_place(folder, parent, name, path, err);
}

static int link_made(void *data, const char *path, const struct rafs_inode *inode, struct error **err)
{
	struct files_folder *folder = data;
	cleanup_free char *text = NULL;
	struct timespec times[2];
	const char *name;
	int parent;

	if (!S_ISLNK(inode->mode)) {
		folder_refuse(folder, path, "the build makes a device or FIFO, which is not written into a folder", err);
		error_remedy(err, "leave it out, or take the files as a tar (type: tar)");
		return -1;
	}
	parent = parent_of(folder, path, &name, err);
	set_times(folder, inode, times);
	if (parent < 0)
		return -1;
	unlinkat(parent, folder->temporary, 0);
	if (*folder->below && inode->link[0] == '/')
		text = mem_printf("/%s%s", folder->below, inode->link);
	if (symlinkat(text ? text : inode->link, parent, folder->temporary) < 0 ||
	    utimensat(parent, folder->temporary, times, AT_SYMLINK_NOFOLLOW) < 0)
		return folder_fail(folder, path, "cannot be made", err);
	return put_in_place(folder, parent, name, path, err);
}

static int file_again(void *data, const char *path, const char *first, struct error **err)
{
	struct files_folder *folder = data;
	const char *name, *first_name = strrchr(first, '/') ? strrchr(first, '/') + 1 : first;
	cleanup_free char *dir = mem_strndup(first, first_name > first ? (size_t)(first_name - first - 1) : 0);
	cleanup_fd int from = walk_to(folder, dir, first, err);
	int parent = from < 0 ? -1 : parent_of(folder, path, &name, err);

	if (parent < 0)
		return -1;
	unlinkat(parent, folder->temporary, 0);
	if (linkat(from, first_name, parent, folder->temporary, 0) < 0)
		return folder_fail(folder, path, "cannot be made", err);
	return put_in_place(folder, parent, name, path, err);
}

/* ---- the folder ---- */

/* Makes it; the topmost of its parents that was missing is new. */
static int make_root(struct files_folder *folder, struct error **err)
{
	cleanup_free char *at = mem_strdup(folder->to);
	const char *missing = NULL;
	struct stat st;

	while (stat(at, &st) < 0 && errno == ENOENT) {
		char *above = path_dir(at);

		missing = arena_strdup(folder->arena, at);
		free(at);
		at = above;
	}
	if (fs_mkdirs(folder->to, 0755, err) < 0)
		return -1;
	if (missing) {
		list_add(&folder->created, missing);
		map_set(folder->folders, folder->to, folder);
	}
	folder->root = open(folder->to, O_DIRECTORY | O_RDONLY | O_CLOEXEC);
	return folder->root < 0 ? error_errno(err, ERROR_STATE, errno, "%s: cannot be opened", folder->to) : 0;
}

int files_folder_new(const char *to, const char *below, const char *maker, int64_t epoch, struct files_folder **ret,
		     struct error **err)
{
	cleanup_files_folder struct files_folder *folder = mem_alloc(sizeof(*folder));

	*folder = (struct files_folder){
		.out = { folder_begin, file_begin, file_content, file_end, link_made, file_again, folder_end, folder },
		.to = *below ? path_join(to, below) : mem_strdup(to),
		.below = mem_strdup(below),
		.temporary = files_temporary(maker),
		.epoch = epoch,
		.root = -1,
		.parent_fd = -1,
		.fd = -1,
		.arena = arena_new(),
		.folders = map_new(),
	};
	if (make_root(folder, err) < 0)
		return -1;
	*ret = steal_ptr(folder);
	return 0;
}

void files_folder_free(struct files_folder *folder)
{
	if (!folder)
		return;
	if (folder->fd >= 0) {
		close(folder->fd);
		unlinkat(folder->parent_fd, folder->temporary, 0);
	}
	if (folder->parent_fd >= 0)
		close(folder->parent_fd);
	if (folder->root >= 0)
		close(folder->root);
	free(folder->written.items);
	free(folder->created.items);
	map_free(folder->folders);
	arena_free(folder->arena);
	free(folder->parent);
	free(folder->temporary);
	free(folder->below);
	free(folder->to);
	free(folder);
}

void files_folder_cleanup(struct files_folder **folder)
{
	files_folder_free(*folder);
}

const struct files_out *files_folder_out(struct files_folder *folder)
{
	return &folder->out;
}

const char *const *files_folder_written(const struct files_folder *folder, size_t *ret_len)
{
	*ret_len = folder->written.len;
	return folder->written.items;
}

const char *const *files_folder_created(const struct files_folder *folder, size_t *ret_len)
{
	*ret_len = folder->created.len;
	return folder->created.items;
}
