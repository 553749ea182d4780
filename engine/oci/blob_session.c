#include "config.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/error.h"
#include "base/fs.h"
#include "base/mem.h"
#include "engine/oci/blob.h"

#define NAME "XXXXXX"
#define ATTEMPTS_MAX 100

/* Locks a folder below tmp/: 1; 0 when another process holds it, or has just removed it. Negative: errno says why not. */
static int blob_session_take(const char *path, int *ret_fd)
{
	cleanup_fd int fd = open(path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	struct stat held, there;

	if (fd < 0)
		return errno == ENOENT ? 0 : -1;
	if (flock(fd, LOCK_EX | LOCK_NB) < 0)
		return errno == EWOULDBLOCK ? 0 : -1;
	if (fstat(fd, &held) < 0 || stat(path, &there) < 0)
		return errno == ENOENT ? 0 : -1;
	if (held.st_ino != there.st_ino || held.st_dev != there.st_dev)
		return 0;
	*ret_fd = fd_steal(&fd);
	return 1;
}

/* Best effort: failures do not matter. */
uint64_t blob_session_sweep(const char *tmp, bool dry)
{
	DIR *dir = fs_opendir(tmp);
	struct dirent *entry;
	uint64_t bytes = 0;

	if (!dir)
		return 0;
	while ((entry = readdir(dir))) {
		cleanup_free char *path = NULL;
		cleanup_fd int fd = -1;

		if (strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0)
			continue;
		path = path_join(tmp, entry->d_name);
		if (blob_session_take(path, &fd) <= 0)
			continue;
		bytes += fs_usage(path);
		if (!dry)
			fs_remove_tree(path, NULL);
	}
	closedir(dir);
	return bytes;
}

static int blob_session_begin(struct layout *layout, struct error **err)
{
	cleanup_free char *tmp = path_join(layout->dir, "tmp");

	if (fs_mkdirs(tmp, 0755, err) < 0)
		return -1;
	blob_session_sweep(tmp, false);
	for (int i = 0; i < ATTEMPTS_MAX; i++) {
		cleanup_free char *path = path_join(tmp, NAME);
		int taken;

		if (!mkdtemp(path))
			return error_errno(err, ERROR_STATE, errno, "%s: cannot create a folder", tmp);
		/* Another process may have removed it before it was locked. */
		taken = blob_session_take(path, &layout->session_fd);
		if (taken < 0)
			return error_errno(err, ERROR_STATE, errno, "%s: cannot lock a folder", path);
		if (taken > 0) {
			layout->session = steal_ptr(path);
			return 0;
		}
	}
	return error_make(err, ERROR_STATE, "%s: other processes remove every folder that is made here", tmp);
}

int blob_temp_path(struct layout *layout, char **ret, struct error **err)
{
	int r = 0;

	pthread_mutex_lock(&layout->lock);
	if (!layout->session)
		r = blob_session_begin(layout, err);
	pthread_mutex_unlock(&layout->lock);
	if (r < 0)
		return -1;
	*ret = mem_printf("%s/%u", layout->session, atomic_fetch_add(&layout->serial, 1));
	return 0;
}

void blob_session_end(struct layout *layout)
{
	if (!layout->session)
		return;
	fs_remove_tree(layout->session, NULL);
	close(layout->session_fd);
	free(steal_ptr(layout->session));
}
