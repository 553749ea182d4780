#include "config.h"

#include "engine/source/content.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/error.h"
#include "base/fs.h"
#include "base/mem.h"
#include "base/workers.h"
#include "base/xattr.h"
#include "engine/source/walk.h"

#define BLOCK ((size_t)1024 * 1024) /* bytes: smaller files are read and hashed in one piece */
#define TRIES 5                     /* attempts to read a file that keeps changing */
#define FILES_A_THREAD 16

struct reading {
	struct wanted *wanted;
	char *blocks[WORKERS_MAX];
	struct error *errors[WORKERS_MAX];
	size_t failed[WORKERS_MAX]; /* its index in `wanted` */
};

/* The whole content of an open file. */
static int hash_content(int fd, char *block, const char *path, struct hash128 *ret, struct error **err)
{
	size_t have = 0;
	ssize_t got;

	while (have < BLOCK) {
		got = read(fd, block + have, BLOCK - have);
		if (got == 0) {
			*ret = hash_bytes(block, have);
			return 0;
		}
		if (got < 0 && errno != EINTR)
			return error_errno(err, ERROR_STATE, errno, "%s: cannot be read", path);
		if (got > 0)
			have += (size_t)got;
	}
	if (lseek(fd, 0, SEEK_SET) < 0)
		return error_errno(err, ERROR_STATE, errno, "%s: cannot be read", path);
	posix_fadvise(fd, 0, 0, POSIX_FADV_SEQUENTIAL);
	return hash_fd(fd, path, ret, NULL, err);
}

/* Attributes that reach the image count; the digest of a file without any is that of its content. */
int content_attributes(int fd, const char *path, struct hash128 *digest, struct error **err)
{
	cleanup_buf struct buf attributes = { 0 };
	cleanup_hasher struct hasher *hasher = NULL;

	if (xattr_collect(fd, path, &attributes, err) < 0)
		return -1;
	if (attributes.len == 0)
		return 0;
	hasher = hasher_new();
	hasher_field(hasher, "content", digest, sizeof(*digest));
	hasher_field(hasher, "attributes", attributes.data, attributes.len);
	*digest = hasher_done(hasher);
	return 0;
}

static bool content_same_stamp(const struct stat *a, const struct stat *b)
{
	struct stamp x = walk_stamp(a), y = walk_stamp(b);

	return x.size == y.size && x.mtime == y.mtime && x.ctime == y.ctime && x.inode == y.inode &&
	       a->st_mode == b->st_mode;
}

static int content_hash_open(int fd, char *block, const char *path, struct walk_node *node, struct error **err)
{
	struct stat before, after;

	if (fstat(fd, &before) < 0)
		return error_errno(err, ERROR_STATE, errno, "%s: cannot be read", path);
	for (int i = 0; i < TRIES; i++) {
		if (!S_ISREG(before.st_mode))
			return error_make(err, ERROR_USAGE, "%s: was a file and no longer is", path);
		if (hash_content(fd, block, path, &node->digest, err) < 0 ||
		    content_attributes(fd, path, &node->digest, err) < 0)
			return -1;
		if (fstat(fd, &after) < 0)
			return error_errno(err, ERROR_STATE, errno, "%s: cannot be read", path);
		if (content_same_stamp(&before, &after)) {
			node->mode = after.st_mode;
			node->stamp = walk_stamp(&after);
			node->known = node->fresh = true;
			return 0;
		}
		before = after;
		if (lseek(fd, 0, SEEK_SET) < 0)
			return error_errno(err, ERROR_STATE, errno, "%s: cannot be read", path);
	}
	return error_make(err, ERROR_USAGE, "%s: changes while it is read", path);
}

static int content_hash_file(const struct wanted *wanted, char *block, struct error **err)
{
	cleanup_free char *path = path_join(wanted->top, wanted->node->path);
	/* O_NONBLOCK: the file may have been replaced by a FIFO, which would block */
	cleanup_fd int fd = open(path, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);

	if (fd < 0 && errno == ENOENT)
		return error_make(err, ERROR_USAGE, "%s: vanished while the context was read", path);
	if (fd < 0)
		return error_errno(err, ERROR_STATE, errno, "%s: cannot be read", path);
	return content_hash_open(fd, block, path, wanted->node, err);
}

static void content_work(void *data, size_t index, unsigned worker)
{
	struct reading *reading = data;
	struct error *why = NULL;

	if (reading->wanted[index].node->known)
		return;
	if (!reading->blocks[worker])
		reading->blocks[worker] = mem_alloc(BLOCK);
	if (content_hash_file(&reading->wanted[index], reading->blocks[worker], &why) == 0)
		return;
	/* each thread takes files in ascending order, so its first error is its lowest */
	if (reading->errors[worker]) {
		error_free(why);
		return;
	}
	reading->errors[worker] = why;
	reading->failed[worker] = index;
}

int content_hash(struct wanted *wanted, size_t len, struct error **err)
{
	struct reading reading = { .wanted = wanted };
	struct error *first = NULL;
	size_t failed = 0;
	bool any = false;

	workers_run(len, workers_count(len, FILES_A_THREAD), content_work, &reading);
	for (unsigned i = 0; i < WORKERS_MAX; i++) {
		free(reading.blocks[i]);
		if (reading.errors[i] && (!any || reading.failed[i] < failed)) {
			error_free(first);
			first = steal_ptr(reading.errors[i]);
			failed = reading.failed[i];
			any = true;
		}
		error_free(reading.errors[i]);
	}
	return any ? error_move(err, &first) : 0;
}
