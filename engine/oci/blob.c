#include "config.h"

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/bug.h"
#include "base/error.h"
#include "base/fs.h"
#include "base/mem.h"
#include "engine/oci/blob.h"
#include "engine/oci/layout.h"

#define COPY_BLOCK ((size_t)256 * 1024)
/* Blobs are never modified: exported ones are hard links to them. */
#define BLOB_MODE 0444

struct blob_writer {
	struct layout *layout;
	char *path; /* NULL once it was renamed */
	int fd;
	struct sha256 *sha;
};

int blob_sync(struct layout *layout, struct error **err)
{
	return fs_sync_dir(layout->blobs, err);
}

/* ---- writing ---- */

int blob_writer_new(struct layout *layout, struct blob_writer **ret, struct error **err)
{
	cleanup_blob_writer struct blob_writer *writer = mem_alloc(sizeof(*writer));

	writer->layout = layout;
	writer->fd = -1;
	if (sha256_new(&writer->sha, err) < 0 || blob_temp_path(layout, &writer->path, err) < 0)
		return -1;
	writer->fd = open(writer->path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, BLOB_MODE);
	if (writer->fd < 0)
		return error_errno(err, ERROR_STATE, errno, "%s: cannot create", writer->path);
	*ret = steal_ptr(writer);
	return 0;
}

void blob_writer_free(struct blob_writer *writer)
{
	if (!writer)
		return;
	if (writer->fd >= 0) {
		close(writer->fd);
		if (writer->path)
			unlink(writer->path);
	}
	free(writer->path);
	sha256_free(writer->sha);
	free(writer);
}

void blob_writer_cleanup(struct blob_writer **writer)
{
	blob_writer_free(*writer);
}

int blob_writer_add(struct blob_writer *writer, const void *data, size_t len, struct error **err)
{
	sha256_add(writer->sha, data, len);
	return fs_write_all(writer->fd, data, len, writer->path, err);
}

/* Makes the file's content and mode durable before it gets its final name. */
static int seal(int fd, const char *path, struct error **err)
{
	if (fchmod(fd, BLOB_MODE) < 0)
		return error_errno(err, ERROR_STATE, errno, "%s: cannot change the mode", path);
	if (fsync(fd) < 0)
		return error_errno(err, ERROR_STATE, errno, "%s: cannot write to disk", path);
	return 0;
}

static int refuse_digest(const char *from, const char *digest, const char *got, struct error **err)
{
	return error_make(err, ERROR_STATE, "%s: the content does not match its digest: expected %s, found %s", from,
			  digest, got);
}

int blob_writer_publish(struct blob_writer *writer, const char *expected, const char *from,
			char ret_digest[DIGEST_LEN + 1], struct error **err)
{
	cleanup_free char *target = NULL;
	char digest[DIGEST_LEN + 1];

	bug_if(!writer->path, "a blob is published twice");
	sha256_done(writer->sha, digest);
	if (!digest_valid(digest))
		return error_make(err, ERROR_INTERNAL, "%s: cannot compute a sha256", writer->path);
	if (expected && strcmp(expected, digest) != 0)
		return refuse_digest(from, expected, digest, err);
	if (seal(writer->fd, writer->path, err) < 0)
		return -1;
	target = layout_blob_path(writer->layout, digest);
	if (rename(writer->path, target) < 0)
		return error_errno(err, ERROR_STATE, errno, "%s: cannot rename to %s", writer->path, target);
	free(steal_ptr(writer->path));
	memcpy(ret_digest, digest, sizeof(digest));
	return 0;
}

/* ---- adopting files ---- */

static int blob_hash_file(int fd, const char *path, char ret_digest[DIGEST_LEN + 1], struct blob_writer *copy,
			  struct error **err)
{
	cleanup_sha256 struct sha256 *sha = NULL;
	cleanup_free char *block = mem_alloc(COPY_BLOCK);
	ssize_t n;

	if (!copy && sha256_new(&sha, err) < 0)
		return -1;
	while ((n = read(fd, block, COPY_BLOCK)) != 0) {
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return error_errno(err, ERROR_STATE, errno, "%s: cannot read", path);
		if (!copy)
			sha256_add(sha, block, (size_t)n);
		else if (blob_writer_add(copy, block, (size_t)n, err) < 0)
			return -1;
	}
	if (!copy)
		sha256_done(sha, ret_digest);
	return 0;
}

static int adopt_copy(struct layout *layout, int fd, const char *path, const char *digest, struct error **err)
{
	cleanup_blob_writer struct blob_writer *writer = NULL;
	char found[DIGEST_LEN + 1];

	if (blob_writer_new(layout, &writer, err) < 0 || blob_hash_file(fd, path, found, writer, err) < 0)
		return -1;
	return blob_writer_publish(writer, digest, path, found, err);
}

/* `in_place`: the builder wrote directly into the store's blobs folder. */
static int adopt_move(int fd, const char *path, const char *target, bool in_place, const char *digest, struct error **err)
{
	char found[DIGEST_LEN + 1];

	if (blob_hash_file(fd, path, found, NULL, err) < 0)
		return -1;
	if (strcmp(found, digest) != 0) {
		if (in_place)
			unlink(target);
		return refuse_digest(path, digest, found, err);
	}
	if (seal(fd, path, err) < 0)
		return -1;
	if (!in_place && rename(path, target) < 0)
		return error_errno(err, ERROR_STATE, errno, "%s: cannot rename to %s", path, target);
	return 0;
}

int blob_adopt(struct layout *layout, const char *path, const char *digest, uint64_t size, struct error **err)
{
	cleanup_free char *target = layout_blob_path(layout, digest);
	/* O_NONBLOCK: do not block on a FIFO. */
	cleanup_fd int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
	struct stat st, there, folder;
	bool present, in_place;

	if (fd < 0 && errno == ENOENT && layout_has(layout, digest, size))
		return 0;
	if (fd < 0)
		return error_errno(err, ERROR_STATE, errno, "%s: cannot open", path);
	if (fstat(fd, &st) < 0 || stat(layout->blobs, &folder) < 0)
		return error_errno(err, ERROR_STATE, errno, "%s: cannot stat", path);
	if (!S_ISREG(st.st_mode))
		return error_make(err, ERROR_STATE, "%s: not a regular file", path);
	if ((uint64_t)st.st_size != size)
		return error_make(err, ERROR_STATE, "%s: %lld bytes, but its descriptor says %llu", path,
				  (long long)st.st_size, (unsigned long long)size);
	present = lstat(target, &there) == 0 && S_ISREG(there.st_mode) && there.st_size == st.st_size;
	in_place = present && there.st_dev == st.st_dev && there.st_ino == st.st_ino;
	if (present && !in_place)
		return 0;
	/* A file with a second hard link could be modified through it. */
	if (!in_place && (st.st_dev != folder.st_dev || st.st_nlink > 1))
		return adopt_copy(layout, fd, path, digest, err);
	return adopt_move(fd, path, target, in_place, digest, err);
}
