#include "config.h"

#include "engine/oci/files_tar.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/error.h"
#include "base/fs.h"
#include "base/mem.h"
#include "engine/oci/archive.h"
#include "engine/oci/image_files.h"

struct files_tar {
	struct files_out out;
	char *path, *temporary;
	int fd;
	int64_t epoch;
	const char *prefix;
	struct tar_writer *writer;
};

static char *in_tar(const struct files_tar *tar, const char *path)
{
	return *tar->prefix && *path ? mem_printf("%s/%s", tar->prefix, path) : mem_strdup(*path ? path : tar->prefix);
}

static int put_inode(struct files_tar *tar, const char *path, const struct rafs_inode *inode, struct error **err)
{
	cleanup_free struct tar_attribute *attributes = mem_array(inode->xattrs_len + 1, sizeof(*attributes));
	cleanup_free char *name = in_tar(tar, path);
	cleanup_free char *link = *tar->prefix && inode->link && inode->link[0] == '/'
					  ? mem_printf("/%s%s", tar->prefix, inode->link)
					  : NULL;
	const struct tar_item item = {
		.name = name,
		.mode = inode->mode,
		.uid = inode->uid,
		.gid = inode->gid,
		.mtime = tar->epoch >= 0 ? tar->epoch : inode->mtime,
		.size = inode->size,
		.link = link ? link : inode->link,
		.major = inode->rdev >> 8 & 0xfff,
		.minor = (inode->rdev & 0xff) | (inode->rdev >> 12 & 0xfff00),
		.attributes = attributes,
		.attributes_len = inode->xattrs_len,
	};

	for (size_t i = 0; i < inode->xattrs_len; i++)
		attributes[i] =
			(struct tar_attribute){ inode->xattrs[i].name, inode->xattrs[i].value, inode->xattrs[i].len };
	return tar_writer_item(tar->writer, &item, err);
}

/* The root itself is no entry, a platform's folder is one. */
static int tar_folder(void *data, const char *path, const struct rafs_inode *inode, struct error **err)
{
	struct files_tar *tar = data;

	return *path || *tar->prefix ? put_inode(tar, path, inode, err) : 0;
}

/* Of folders and files. */
static int tar_end(void *data, const char *path, const struct rafs_inode *inode, struct error **err)
{
	(void)data;
	(void)path;
	(void)inode;
	(void)err;
	return 0;
}

static int tar_file(void *data, const char *path, const struct rafs_inode *inode, struct error **err)
{
	return put_inode(data, path, inode, err);
}

static int tar_content(void *data, const char *bytes, size_t len, struct error **err)
{
	return tar_writer_bytes(((struct files_tar *)data)->writer, bytes, len, err);
}

static int tar_again(void *data, const char *path, const char *first, struct error **err)
{
	struct files_tar *tar = data;
	cleanup_free char *name = in_tar(tar, path), *target = in_tar(tar, first);
	const struct tar_item item = { .name = name, .link = target };

	return tar_writer_item(tar->writer, &item, err);
}

int files_tar_new(const char *path, const char *maker, int64_t epoch, struct files_tar **ret, struct error **err)
{
	cleanup_files_tar struct files_tar *tar = mem_alloc(sizeof(*tar));
	cleanup_free char *dir = path_dir(path), *name = files_temporary(maker);

	*tar = (struct files_tar){
		.out = { tar_folder, tar_file, tar_content, tar_end, tar_file, tar_again, tar_end, tar },
		.path = mem_strdup(path),
		.temporary = path_join(dir, name),
		.fd = -1,
		.epoch = epoch,
	};
	if (fs_mkdirs(dir, 0755, err) < 0)
		return -1;
	unlink(tar->temporary);
	tar->fd = open(tar->temporary, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0666);
	if (tar->fd < 0)
		return error_errno(err, ERROR_STATE, errno, "%s: cannot be made", path);
	if (tar_writer_new(tar->fd, path, &tar->writer, err) < 0)
		return -1;
	*ret = steal_ptr(tar);
	return 0;
}

void files_tar_free(struct files_tar *tar)
{
	if (!tar)
		return;
	tar_writer_free(tar->writer);
	if (tar->fd >= 0) {
		close(tar->fd);
		unlink(tar->temporary);
	}
	free(tar->temporary);
	free(tar->path);
	free(tar);
}

void files_tar_cleanup(struct files_tar **tar)
{
	files_tar_free(*tar);
}

const struct files_out *files_tar_out(struct files_tar *tar, const char *prefix)
{
	tar->prefix = prefix;
	return &tar->out;
}

int files_tar_end(struct files_tar *tar, struct error **err)
{
	cleanup_free char *dir = path_dir(tar->path);

	if (tar_writer_end(tar->writer, err) < 0)
		return -1;
	if (fsync(tar->fd) < 0 || rename(tar->temporary, tar->path) < 0)
		return error_errno(err, ERROR_STATE, errno, "%s: cannot be written", tar->path);
	close(fd_steal(&tar->fd));
	return fs_sync_dir(dir, err);
}
