#include "config.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <unistd.h>
#ifdef __linux__
#include <sys/vfs.h>
#endif

#include "base/buf.h"
#include "base/error.h"
#include "base/fs.h"
#include "base/mem.h"

#define READ_BLOCK ((size_t)64 * 1024) /* for files whose size is unknown */
#define LOCK_MODE 0644                 /* whoever cannot write it can still lock it */
#define TEMP_ATTEMPTS 16               /* names tried for a temporary file */
#define LOCK_ATTEMPTS 1000             /* times a lock file may be replaced while it is being locked */

void fd_cleanup(int *fd)
{
	if (*fd >= 0)
		close(*fd);
}

int fd_steal(int *fd)
{
	int stolen = *fd;

	*fd = -1;
	return stolen;
}

/* Reads to the end of the file; -1 with errno, EFBIG when it is longer than `limit`. */
static int fs_read_all(int fd, const struct stat *st, uint64_t limit, struct buf *buf)
{
	size_t before = buf->len;
	size_t block = READ_BLOCK;

	/* One byte more than the file: the read that finds the end needs no more memory. */
	if (S_ISREG(st->st_mode) && st->st_size >= 0 && (uint64_t)st->st_size <= limit)
		block = (size_t)st->st_size + 1;
	for (;;) {
		ssize_t n = read(fd, buf_room(buf, block), block);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -1;
		buf_filled(buf, (size_t)n);
		if (buf->len - before > limit) {
			errno = EFBIG;
			return -1;
		}
		if (n == 0)
			return 0;
		if (buf->len - before >= block)
			block = READ_BLOCK;
		else if (block != READ_BLOCK)
			block -= (size_t)n;
	}
}

static int read_fd(int fd, const struct stat *st, const char *path, uint64_t limit, struct buf *buf, struct error **err)
{
	size_t before = buf->len;
	int errnum;

	if (fs_read_all(fd, st, limit, buf) == 0)
		return 0;
	errnum = errno;
	buf->len = before;
	buf->data[before] = '\0';
	if (errnum == EFBIG)
		return error_make(err, ERROR_STATE, "%s: longer than %llu bytes", path, (unsigned long long)limit);
	return error_errno(err, ERROR_STATE, errnum, "%s: cannot read", path);
}

/* Paths of this process's own descriptors, as a shell's "<(...)" passes them. */
static bool is_descriptor(const char *path)
{
	return strncmp(path, "/dev/fd/", 8) == 0 || strncmp(path, "/proc/self/fd/", 14) == 0 ||
	       strcmp(path, "/dev/stdin") == 0;
}

/* Opening a FIFO blocks until a writer appears; refuse it with EINVAL. */
static int open_read(const char *path, struct stat *ret_st)
{
	int fd = open(path, O_RDONLY | O_NONBLOCK | O_CLOEXEC);
	int errnum = 0;

	if (fd < 0)
		return -1;
	if (fstat(fd, ret_st) < 0)
		errnum = errno;
	else if (S_ISFIFO(ret_st->st_mode) && !is_descriptor(path))
		errnum = EINVAL;
	else if (!S_ISREG(ret_st->st_mode) && fcntl(fd, F_SETFL, 0) < 0)
		errnum = errno;
	if (!errnum)
		return fd;
	close(fd);
	errno = errnum;
	return -1;
}

static int cannot_open(const char *path, int errnum, struct error **err)
{
	if (errnum == EINVAL)
		return error_make(err, ERROR_STATE, "%s: is a named pipe, not a file", path);
	return error_errno(err, ERROR_STATE, errnum, "%s: cannot open", path);
}

int fs_read(const char *path, uint64_t limit, struct buf *buf, struct error **err)
{
	struct stat st;
	cleanup_fd int fd = open_read(path, &st);

	if (fd < 0)
		return cannot_open(path, errno, err);
	return read_fd(fd, &st, path, limit, buf, err);
}

int fs_read_if(const char *path, uint64_t limit, struct buf *buf, bool *ret_found, struct error **err)
{
	struct stat st;
	cleanup_fd int fd = open_read(path, &st);

	if (fd < 0 && (errno == ENOENT || errno == ENOTDIR)) {
		*ret_found = false;
		return 0;
	}
	if (fd < 0)
		return cannot_open(path, errno, err);
	if (read_fd(fd, &st, path, limit, buf, err) < 0)
		return -1;
	*ret_found = true;
	return 0;
}

int fs_read_at(int fd, void *data, size_t len, uint64_t offset, const char *name, struct error **err)
{
	char *p = data;

	while (len > 0) {
		ssize_t n = pread(fd, p, len, (off_t)offset);

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return error_errno(err, ERROR_STATE, n < 0 ? errno : EIO, "%s: cannot read", name);
		p += n;
		offset += (uint64_t)n;
		len -= (size_t)n;
	}
	return 0;
}

int fs_write_all(int fd, const void *data, size_t len, const char *name, struct error **err)
{
	const char *p = data;

	while (len > 0) {
		ssize_t n = write(fd, p, len);

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return error_errno(err, ERROR_STATE, n < 0 ? errno : EIO, "%s: cannot write", name);
		p += n;
		len -= (size_t)n;
	}
	return 0;
}

/* Creates a file in `dir` with an unpredictable name, to become `path`. Uses open rather than mkstemp so that the
 * umask applies. */
static int open_temp(const char *dir, mode_t mode, const char *path, char **ret_temp, struct error **err)
{
	int errnum = EEXIST;

	for (int i = 0; i < TEMP_ATTEMPTS && errnum == EEXIST; i++) {
		cleanup_free char *temp = NULL;
		unsigned long long number;
		int fd;

		if (getentropy(&number, sizeof(number)) < 0)
			return error_errno(err, ERROR_STATE, errno, "%s: cannot get a random number for a name", path);
		temp = mem_printf("%s/.cbuild-tmp-%016llx", dir, number);
		fd = open(temp, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, mode);
		if (fd >= 0) {
			*ret_temp = steal_ptr(temp);
			return fd;
		}
		errnum = errno;
	}
	return error_errno(err, ERROR_STATE, errnum, "%s: cannot create a file beside it", path);
}

/* Fills the new file; closes it in any case. */
static int fill_temp(int fd, const void *data, size_t len, const char *path, struct error **err)
{
	int result = fs_write_all(fd, data, len, path, err);

	if (result == 0 && fsync(fd) < 0)
		result = error_errno(err, ERROR_STATE, errno, "%s: cannot write to disk", path);
	if (close(fd) < 0 && result == 0)
		result = error_errno(err, ERROR_STATE, errno, "%s: cannot close", path);
	return result;
}

int fs_replace(const char *path, const void *data, size_t len, mode_t mode, struct error **err)
{
	cleanup_free char *dir = path_dir(path);
	cleanup_free char *temp = NULL;
	int fd = open_temp(dir, mode, path, &temp, err);

	if (fd < 0)
		return -1;
	if (fill_temp(fd, data, len, path, err) < 0) {
		unlink(temp);
		return -1;
	}
	if (rename(temp, path) < 0) {
		error_errno(err, ERROR_STATE, errno, "%s: cannot replace", path);
		unlink(temp);
		return -1;
	}
	return fs_sync_dir(dir, err);
}

int fs_put_aside(const char *path, struct error **err)
{
	cleanup_free char *aside = mem_printf("%s.damaged", path);

	if (fs_remove_tree(aside, err) < 0)
		return -1;
	if (rename(path, aside) < 0 && errno != ENOENT)
		return error_errno(err, ERROR_STATE, errno, "%s: damaged, and cannot be renamed to %s", path, aside);
	return 0;
}

int fs_open(const char *path, struct error **err)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);

	return fd < 0 ? error_errno(err, ERROR_STATE, errno, "%s", path) : fd;
}

int fs_unnamed(struct error **err)
{
	const char *tmp = getenv("TMPDIR");
	cleanup_free char *path = mem_printf("%s/cbuild-XXXXXX", tmp && *tmp ? tmp : "/var/tmp");
	int fd;

#ifdef O_TMPFILE
	cleanup_free char *dir = path_dir(path);

	fd = open(dir, O_RDWR | O_TMPFILE | O_CLOEXEC, 0600);
	if (fd >= 0)
		return fd;
#endif
	/* Not every file system can. */
	fd = mkostemp(path, O_CLOEXEC);
	if (fd < 0)
		return error_errno(err, ERROR_STATE, errno, "%s: cannot create", path);
	unlink(path);
	return fd;
}

int fs_sync_dir(const char *path, struct error **err)
{
	cleanup_fd int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	if (fd < 0)
		return error_errno(err, ERROR_STATE, errno, "%s: cannot open", path);
	/* Some file systems cannot sync a folder, and say so. */
	if (fsync(fd) < 0 && errno != EINVAL && errno != ENOTSUP)
		return error_errno(err, ERROR_STATE, errno, "%s: cannot write to disk", path);
	return 0;
}

bool fs_is_dir(const char *path)
{
	struct stat st;

	return stat(path, &st) == 0 && S_ISDIR(st.st_mode);
}

/* mkdir may fail with EEXIST, EROFS or EACCES for a folder that exists. */
static int fs_make_folder(const char *path, mode_t mode)
{
	struct stat st;
	int errnum;

	if (mkdir(path, mode) == 0)
		return 0;
	errnum = errno;
	if (stat(path, &st) < 0) {
		errno = errnum == EEXIST ? errno : errnum;
		return -1;
	}
	if (S_ISDIR(st.st_mode))
		return 0;
	errno = errnum == EEXIST ? ENOTDIR : errnum;
	return -1;
}

int fs_mkdirs(const char *path, mode_t mode, struct error **err)
{
	cleanup_free char *part = NULL;

	if (fs_is_dir(path))
		return 0;
	part = mem_strdup(path);
	for (char *p = part + strspn(part, "/"); *p;) {
		char *end = p + strcspn(p, "/");
		char *next = end + strspn(end, "/");
		bool last = !*next;

		*end = '\0';
		/* The owner must be able to write into the folders created on the way. */
		if (fs_make_folder(part, last ? mode : mode | S_IWUSR | S_IXUSR) < 0)
			return error_errno(err, ERROR_STATE, errno, "%s: cannot create the folder", part);
		if (!last)
			*end = '/';
		p = next;
	}
	return 0;
}

int fs_refuse_link(const char *path, struct error **err)
{
	struct stat st;

	if (lstat(path, &st) < 0 || !S_ISLNK(st.st_mode))
		return 0;
	error_make(err, ERROR_STATE, "%s is a symbolic link: nothing is written through it", path);
	error_remedy(err, "remove it; another disk can be mounted there");
	return -1;
}

int fs_folder_at(int dir, const char *name, mode_t mode, const char *path, int *ret_fd, struct error **err)
{
	int fd;

	if (mkdirat(dir, name, mode) < 0 && errno != EEXIST)
		return error_errno(err, ERROR_STATE, errno, "%s: cannot create the folder", path);
	fd = openat(dir, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (fd < 0) {
		int errnum = errno;

		return fs_refuse_link(path, err) < 0
			       ? -1
			       : error_errno(err, ERROR_STATE, errnum, "%s: cannot open the folder", path);
	}
	*ret_fd = fd;
	return 0;
}

int fs_append_at(int dir, const char *name, mode_t mode, const char *path, int *ret_fd, struct error **err)
{
	/* Do not block on a FIFO that nobody reads. */
	cleanup_fd int fd = openat(dir, name, O_WRONLY | O_CREAT | O_APPEND | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC, mode);
	int errnum = errno;
	struct stat st;

	if (fd < 0 && fs_refuse_link(path, err) < 0)
		return -1;
	if (fd < 0)
		return error_errno(err, ERROR_STATE, errnum, "cannot write %s", path);
	if (fstat(fd, &st) < 0 || !S_ISREG(st.st_mode))
		return error_make(err, ERROR_STATE, "cannot write %s: it is not a file", path);
	*ret_fd = fd_steal(&fd);
	return 0;
}

DIR *fs_opendir(const char *path)
{
	int fd = open(path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	DIR *dir = fd < 0 ? NULL : fdopendir(fd);

	if (fd >= 0 && !dir)
		close(fd);
	return dir;
}

bool fs_exists(const char *path)
{
	struct stat st;

	return lstat(path, &st) == 0;
}

int fs_find(const char *path, struct stat *ret, struct error **err)
{
	if (lstat(path, ret) == 0)
		return 1;
	if (errno == ENOENT || errno == ENOTDIR)
		return 0;
	return error_errno(err, ERROR_STATE, errno, "%s: cannot be read", path);
}

#ifdef __linux__
static bool is_type(int fd, const uint32_t *types, size_t len)
{
	struct statfs st;

	if (fstatfs(fd, &st) < 0)
		return false;
	for (size_t i = 0; i < len; i++) {
		if ((uint32_t)st.f_type == types[i])
			return true;
	}
	return false;
}

bool fs_dates_folders(int fd)
{
	/* Local file systems. Network and FUSE file systems may keep times in their own way. */
	static const uint32_t types[] = {
		0xef53,     /* ext2, ext3, ext4 */
		0x58465342, /* xfs */
		0x9123683e, /* btrfs */
		0x01021994, /* tmpfs */
		0x794c7630, /* overlayfs */
		0xf2f52010, /* f2fs */
		0x2fc12fc1, /* zfs */
		0xca451a4e, /* bcachefs */
	};

	return is_type(fd, types, sizeof(types) / sizeof(types[0]));
}

bool fs_is_made_up(int fd)
{
	static const uint32_t types[] = {
		0x9fa0,     /* proc */
		0x62656572, /* sysfs */
		0x64626720, /* debugfs */
		0x74726163, /* tracefs */
		0x73636673, /* securityfs */
		0x27e0eb,   /* cgroup */
		0x63677270, /* cgroup2 */
		0x62656570, /* configfs */
		0xcafe4a11, /* bpf */
	};

	return is_type(fd, types, sizeof(types) / sizeof(types[0]));
}
#else
bool fs_dates_folders(int fd)
{
	(void)fd;
	return false;
}

bool fs_is_made_up(int fd)
{
	(void)fd;
	return false;
}
#endif

static int open_lock(const char *path)
{
	int fd = open(path, O_RDWR | O_CREAT | O_NOFOLLOW | O_CLOEXEC, LOCK_MODE);

	/* It belongs to someone else, or the disk is read-only: it can still be locked. */
	if (fd < 0 && (errno == EACCES || errno == EROFS))
		fd = open(path, O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
	return fd;
}

/* 1 locked, 0 held elsewhere, -1 with errno. */
static int lock_fd(int fd, bool wait)
{
	while (flock(fd, wait ? LOCK_EX : LOCK_EX | LOCK_NB) < 0) {
		if (errno == EINTR)
			continue;
		return errno == EWOULDBLOCK ? 0 : -1;
	}
	return 1;
}

/* A lock on a file that was removed or replaced meanwhile protects nothing. */
static bool still_there(int fd, const char *path)
{
	struct stat ours;
	struct stat now;

	if (fstat(fd, &ours) < 0 || lstat(path, &now) < 0)
		return false;
	return ours.st_dev == now.st_dev && ours.st_ino == now.st_ino;
}

int fs_lock(const char *path, bool wait, int *ret_fd, struct error **err)
{
	for (int i = 0; i < LOCK_ATTEMPTS; i++) {
		cleanup_fd int fd = open_lock(path);
		int locked;

		if (fd < 0)
			return error_errno(err, ERROR_STATE, errno, "%s: cannot open the lock", path);
		locked = lock_fd(fd, wait);
		if (locked < 0)
			return error_errno(err, ERROR_STATE, errno, "%s: cannot lock", path);
		if (!locked) {
			*ret_fd = -1;
			return 0;
		}
		if (still_there(fd, path)) {
			*ret_fd = fd_steal(&fd);
			return 0;
		}
	}
	return error_make(err, ERROR_STATE, "%s: cannot be locked: it keeps being replaced", path);
}
