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

/* Appends the whole file to `buf`; ERROR_STATE when it is longer than `limit` bytes, or a named pipe (the pipe of a
 * descriptor, "/dev/fd/3", is read). */
int fs_read(const char *path, uint64_t limit, struct buf *buf, struct error **err);
/* Like fs_read, but 0 and *ret_found = false when there is no such file. */
int fs_read_if(const char *path, uint64_t limit, struct buf *buf, bool *ret_found, struct error **err);
/* All `len` bytes at `offset`; a file that ends before is ERROR_STATE. `name` is shown in errors. */
int fs_read_at(int fd, void *data, size_t len, uint64_t offset, const char *name, struct error **err);
/* Writes all of it or fails (EINTR and short writes are handled). `name` is for the error. */
int fs_write_all(int fd, const void *data, size_t len, const char *name, struct error **err);
/* Replaces `path` durably: temporary file beside it (".cbuild-tmp-..."), write, fsync, rename, fsync
 * of the folder. The umask applies to `mode`. On failure the old file is intact and the temporary one gone. */
int fs_replace(const char *path, const void *data, size_t len, mode_t mode, struct error **err);
/* Renames what is damaged to "PATH.damaged", over an earlier one; also a folder. What is not there is fine. */
int fs_put_aside(const char *path, struct error **err);
int fs_sync_dir(const char *path, struct error **err);
/* mkdir -p; an existing folder is fine. */
int fs_mkdirs(const char *path, mode_t mode, struct error **err);
/* A folder that is this program's own is no symbolic link: somebody else put that there, to be written to elsewhere.
 * ERROR_STATE when one is at `path`; a path that does not exist is fine. */
int fs_refuse_link(const char *path, struct error **err);
/* Makes the folder `name` in the open folder `dir` unless it is there, and opens it; links are not followed. `path` is for
 * the error. */
int fs_folder_at(int dir, const char *name, mode_t mode, const char *path, int *ret_fd, struct error **err);
/* Opens a file in the open folder `dir` to append to it, made when missing. A link is not followed, what is no file is
 * refused. `path` is for the error. */
int fs_append_at(int dir, const char *name, mode_t mode, const char *path, int *ret_fd, struct error **err);
/* opendir that does not follow a link at `path`. */
DIR *fs_opendir(const char *path);
/* rm -rf, by file descriptors, never through a symbolic link nor into another file system mounted
 * below; folders closed to their owner are opened first. A path that does not exist is fine; "",
 * "/" and one whose last component is "." or ".." are refused (ERROR_INTERNAL). Stops at the first
 * thing that cannot be removed. */
int fs_remove_tree(const char *path, struct error **err);
bool fs_exists(const char *path); /* lstat succeeds */
/* lstat: 1, 0 when there is nothing at `path`, negative when that cannot be told. */
int fs_find(const char *path, struct stat *ret, struct error **err);
bool fs_is_dir(const char *path); /* or a link to one */
/* True when the open file or folder is on a file system that is known to change a folder's times with every name that
 * comes, goes or changes in it. A folder with the same times then has the same names. */
bool fs_dates_folders(int fd);
/* True when the open folder's files are made up by the kernel as they are read (/proc, /sys): they have no end, and no content. */
bool fs_is_made_up(int fd);
/* The bytes that `path` and what is below it occupy (st_blocks), hard links counted once; what
 * cannot be read counts nothing. */
uint64_t fs_usage(const char *path);

/* An exclusive lock (flock) on the file `path`, created when missing; freed by the kernel when the
 * holder dies. With `wait` false and the lock held elsewhere: returns 0 and *ret_fd = -1.
 * Otherwise *ret_fd is a descriptor; close() it to let go. */
int fs_lock(const char *path, bool wait, int *ret_fd, struct error **err);

void fd_cleanup(int *fd); /* closes it when it is not negative */
#define cleanup_fd __attribute__((cleanup(fd_cleanup)))

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
