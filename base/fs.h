#ifndef BASE_FS_H
#define BASE_FS_H

#include <dirent.h>
#include <stddef.h>
#include <stdint.h>
#include <stdbool.h>
#include <sys/types.h>

struct buf;
struct error;
struct stat;

/* Files and paths. Paths are bytes. Errors are ERROR_STATE and name the path. */

/* Appends the whole file to `buf`. ERROR_STATE when it is longer than `limit` bytes, or is a FIFO (but a pipe among
 * our descriptors, "/dev/fd/3", is read). */
int fs_read(const char *path, uint64_t limit, struct buf *buf, struct error **err);
/* Like fs_read, but 0 and *ret_found = false when there is no such file. */
int fs_read_if(const char *path, uint64_t limit, struct buf *buf, bool *ret_found, struct error **err);
/* Reads exactly `len` bytes at `offset`; a shorter file is ERROR_STATE. `name` is used in errors. */
int fs_read_at(int fd, void *data, size_t len, uint64_t offset, const char *name, struct error **err);
/* Writes everything or fails (handles EINTR and short writes). `name` is used in errors. */
int fs_write_all(int fd, const void *data, size_t len, const char *name, struct error **err);
/* Replaces `path` durably: temporary file in the same folder (".cbuild-tmp-..."), write, fsync, rename, fsync of
 * the folder. The umask applies to `mode`. On failure the old file is intact and the temporary file is gone. */
int fs_replace(const char *path, const void *data, size_t len, mode_t mode, struct error **err);
/* Renames a damaged file or folder to "PATH.damaged", replacing an earlier one. Does nothing when `path` does not
 * exist. */
int fs_put_aside(const char *path, struct error **err);
/* Opens a file for reading: the descriptor, or negative. */
int fs_open(const char *path, struct error **err);
/* Opens a new file without a name, in $TMPDIR or /var/tmp: whatever becomes of this process, nothing stays there. The descriptor, or
 * negative. */
int fs_unnamed(struct error **err);
int fs_sync_dir(const char *path, struct error **err);
/* mkdir -p; an existing folder is fine. */
int fs_mkdirs(const char *path, mode_t mode, struct error **err);
/* Refuses (ERROR_STATE) a symbolic link at `path`: a folder of our own is never a link, so somebody put it there to
 * have us write elsewhere. A path that does not exist is fine. */
int fs_refuse_link(const char *path, struct error **err);
/* Opens the folder `name` inside the open folder `dir`, creating it when missing; links are not followed. `path` is
 * used in errors. */
int fs_folder_at(int dir, const char *name, mode_t mode, const char *path, int *ret_fd, struct error **err);
/* Opens a file inside the open folder `dir` for appending, creating it when missing. Links are not followed, and
 * anything but a regular file is refused. `path` is used in errors. */
int fs_append_at(int dir, const char *name, mode_t mode, const char *path, int *ret_fd, struct error **err);
/* opendir that refuses a symbolic link at `path`. */
DIR *fs_opendir(const char *path);
/* rm -rf, by file descriptor: never follows a symbolic link nor enters another mounted file system; folders that
 * their owner cannot enter are opened first. A missing path is fine; "", "/" and paths that end in "." or ".." are
 * refused (ERROR_INTERNAL). Stops at the first thing that cannot be removed. */
int fs_remove_tree(const char *path, struct error **err);
bool fs_exists(const char *path); /* lstat succeeds */
/* lstat: 1 when it exists, 0 when not, negative when that cannot be determined. */
int fs_find(const char *path, struct stat *ret, struct error **err);
bool fs_is_dir(const char *path); /* or a link to one */
/* True when the open file or folder is on a file system known to update a folder's times whenever a name in it is
 * added, removed or changed. If the times are the same, so are the names. */
bool fs_dates_folders(int fd);
/* True on file systems whose files the kernel makes up on reading (/proc, /sys): they have no real size or content. */
bool fs_is_made_up(int fd);
/* The bytes that `path` and everything below it occupy (st_blocks), hard links counted once; what cannot be read
 * counts as nothing. */
uint64_t fs_usage(const char *path);

/* Takes an exclusive lock (flock) on the file `path`, created when missing; the kernel releases it when the holder
 * dies. With `wait` false and the lock held by another: returns 0 and *ret_fd = -1. Otherwise *ret_fd is a
 * descriptor; close() it to unlock. */
int fs_lock(const char *path, bool wait, int *ret_fd, struct error **err);

void fd_cleanup(int *fd); /* closes it when it is not negative */
#define cleanup_fd __attribute__((cleanup(fd_cleanup)))
/* Returns the descriptor and sets `*fd` to -1: transfers ownership. */
int fd_steal(int *fd);

/* Lexical path work, POSIX slashes. Results are malloc'd. */
char *path_join(const char *dir, const char *name);        /* `name` itself when it is absolute */
char *path_clean(const char *path);                        /* as Go's path.Clean: no "//", "." or inner ".." */
char *path_absolute(const char *path, struct error **err); /* cleaned, against the working directory */
const char *path_base(const char *path);                   /* behind the last slash; points into `path` */
char *path_dir(const char *path);                          /* as Go's path.Dir */
/* True when `path` is `dir` or below it (both cleaned). */
bool path_inside(const char *dir, const char *path);
/* `path` relative to `dir` when inside (points into `path`; "." for dir itself), else NULL. */
const char *path_relative(const char *dir, const char *path);

#endif
