#include "config.h"

#include "engine/oci/blob_files.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/error.h"
#include "base/fs.h"
#include "base/mem.h"
#include "engine/oci/blob.h"
#include "engine/oci/layout.h"

static int blob_files_describe(struct layout *layout, int folder, const char *name, struct blob_file *file,
			       struct error **err)
{
	cleanup_free char *digest = mem_printf("sha256:%s", name);
	struct stat st;

	if (fstatat(folder, name, &st, AT_SYMLINK_NOFOLLOW) < 0)
		return error_errno(err, ERROR_STATE, errno, "%s/%s", layout->blobs, name);
	*file = (struct blob_file){ .name = mem_strdup(name), .size = (uint64_t)st.st_size };
	if (S_ISREG(st.st_mode) && digest_valid(digest))
		memcpy(file->digest, digest, DIGEST_LEN + 1);
	return 0;
}

static int blob_files_compare_files(const void *a, const void *b)
{
	const struct blob_file *x = a, *y = b;

	return strcmp(x->name, y->name);
}

int blob_files_list(struct layout *layout, struct blob_file **ret, size_t *ret_len, struct error **err)
{
	struct blob_file *files = NULL;
	size_t len = 0, cap = 0;
	DIR *dir = fs_opendir(layout->blobs);
	struct dirent *entry;
	int r = 0;

	if (!dir)
		return error_errno(err, ERROR_STATE, errno, "%s: cannot open", layout->blobs);
	while (r == 0 && (errno = 0, (entry = readdir(dir)))) {
		if (strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0)
			continue;
		mem_reserve(&files, &cap, len + 1, sizeof(*files));
		r = blob_files_describe(layout, dirfd(dir), entry->d_name, &files[len], err);
		len += r == 0;
	}
	if (r == 0 && errno)
		r = error_errno(err, ERROR_STATE, errno, "%s: cannot read", layout->blobs);
	closedir(dir);
	if (r < 0) {
		blob_files_free(files, len);
		return -1;
	}
	if (len)
		qsort(files, len, sizeof(*files), blob_files_compare_files);
	*ret = files;
	*ret_len = len;
	return 0;
}

void blob_files_free(struct blob_file *files, size_t len)
{
	for (size_t i = 0; files && i < len; i++)
		free(files[i].name);
	free(files);
}

int blob_files_check(struct layout *layout, const struct blob_file *file, bool *ret_good, struct error **err)
{
	cleanup_free char *path = path_join(layout->blobs, file->name);
	char found[DIGEST_LEN + 1];

	if (digest_file(path, found, NULL, err) < 0)
		return -1;
	*ret_good = strcmp(found, file->digest) == 0;
	return 0;
}

int blob_files_remove(struct layout *layout, const struct blob_file *file, struct error **err)
{
	cleanup_free char *path = path_join(layout->blobs, file->name);

	return fs_remove_tree(path, err);
}

uint64_t blob_files_sweep(struct layout *layout, bool dry)
{
	cleanup_free char *tmp = path_join(layout->dir, "tmp");

	return blob_session_sweep(tmp, dry);
}
