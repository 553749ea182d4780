#include "config.h"

#include "base/copy.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#ifdef __linux__
#include <linux/fs.h>
#include <sys/ioctl.h>
#endif

#include "base/error.h"
#include "base/fs.h"
#include "base/mem.h"
#include "base/xattr.h"

#define BLOCK ((size_t)256 * 1024) /* bytes */

static bool share_blocks(int from, int to)
{
#ifdef FICLONE
	return ioctl(to, FICLONE, from) == 0;
#else
	(void)from;
	(void)to;
	return false;
#endif
}

static int copy_bytes(int from, const char *from_path, int to, const char *to_path, struct error **err)
{
	cleanup_free char *block = NULL;
	ssize_t got;

	if (share_blocks(from, to))
		return 0;
	block = mem_alloc(BLOCK);
	while ((got = read(from, block, BLOCK)) != 0) {
		if (got < 0 && errno == EINTR)
			continue;
		if (got < 0)
			return error_errno(err, ERROR_STATE, errno, "%s: cannot be read", from_path);
		if (fs_write_all(to, block, (size_t)got, to_path, err) < 0)
			return -1;
	}
	return 0;
}

int copy_file(const char *from, const char *to, struct error **err)
{
	cleanup_fd int in = open(from, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC), out = -1;
	struct timespec times[2] = { { .tv_nsec = UTIME_OMIT } };
	struct stat st;

	if (in < 0 || fstat(in, &st) < 0)
		return error_errno(err, ERROR_STATE, errno, "%s: cannot be read", from);
	if (!S_ISREG(st.st_mode))
		return error_make(err, ERROR_STATE, "%s: not a file", from);
	out = open(to, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	if (out < 0)
		return error_errno(err, ERROR_STATE, errno, "%s: cannot be written", to);
	if (copy_bytes(in, from, out, to, err) < 0 || xattr_copy(in, from, out, to, err) < 0)
		return -1;
	times[1] = st.st_mtim;
	if (fchmod(out, st.st_mode & 07777) < 0 || futimens(out, times) < 0)
		return error_errno(err, ERROR_STATE, errno, "%s: cannot be written", to);
	return 0;
}

static int copy_link(const char *from, const char *to, struct error **err)
{
	char text[PATH_MAX];
	ssize_t len = readlink(from, text, sizeof(text) - 1);

	if (len < 0)
		return error_errno(err, ERROR_STATE, errno, "%s: cannot be read", from);
	text[len] = '\0';
	if (symlink(text, to) < 0)
		return error_errno(err, ERROR_STATE, errno, "%s: cannot be created", to);
	return 0;
}

static int copy_entries(DIR *dir, const char *from, const char *to, struct error **err)
{
	struct dirent *entry;

	for (errno = 0; (entry = readdir(dir)); errno = 0) {
		cleanup_free char *source = path_join(from, entry->d_name), *target = path_join(to, entry->d_name);

		if (strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0)
			continue;
		if (copy_tree(source, target, err) < 0)
			return -1;
	}
	return errno ? error_errno(err, ERROR_STATE, errno, "%s: cannot be read", from) : 0;
}

int copy_attributes(const char *from, const char *to, struct error **err)
{
	cleanup_fd int in = open(from, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	cleanup_fd int out = open(to, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);

	if (in < 0)
		return error_errno(err, ERROR_STATE, errno, "%s: cannot be read", from);
	if (out < 0)
		return error_errno(err, ERROR_STATE, errno, "%s: cannot be created", to);
	return xattr_copy(in, from, out, to, err);
}

static int copy_folder(const char *from, const char *to, mode_t mode, struct error **err)
{
	DIR *dir = opendir(from);
	int status;

	if (!dir)
		return error_errno(err, ERROR_STATE, errno, "%s: cannot be read", from);
	if (mkdir(to, 0700) < 0)
		status = error_errno(err, ERROR_STATE, errno, "%s: cannot be created", to);
	else
		status = copy_entries(dir, from, to, err);
	closedir(dir);
	if (status == 0)
		status = copy_attributes(from, to, err);
	if (status == 0 && chmod(to, mode & 07777) < 0)
		status = error_errno(err, ERROR_STATE, errno, "%s: cannot be created", to);
	return status;
}

int copy_tree(const char *from, const char *to, struct error **err)
{
	struct stat st;

	if (lstat(from, &st) < 0)
		return error_errno(err, ERROR_STATE, errno, "%s: cannot be read", from);
	if (S_ISDIR(st.st_mode))
		return copy_folder(from, to, st.st_mode, err);
	return S_ISLNK(st.st_mode) ? copy_link(from, to, err) : copy_file(from, to, err);
}
