#include "config.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/error.h"
#include "base/fs.h"
#include "base/mem.h"
#include "engine/oci/layout.h"
#include "engine/runtime/ops.h"

int runtime_load_command(struct runtime *runtime, const char *tar, const struct output *output, struct error **err)
{
	cleanup_free char *input = mem_printf("--input=%s", tar);
	const char *const args[] = { "load", "--quiet", input, NULL };

	return runtime_command(runtime, args, output, false, NULL, err);
}

static int load(struct runtime *runtime, const struct runtime_image *image, const char *const *references, size_t len,
		const char *path, const struct output *output, struct error **err)
{
	cleanup_fd int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);

	if (fd < 0)
		return error_errno(err, ERROR_STATE, errno, "cannot write %s", path);
	if (layout_export_tar(runtime->layout, image->digest, references, len, fd, err) < 0)
		return -1;
	return runtime->ops->take(runtime, path, output, err);
}

/*
 * Through a tar, although podman could read the folder: it would call the image after the folder's path, and refuses
 * those that make no image name; and neither a daemon nor podman on another machine sees our files.
 */
int runtime_import(struct runtime *runtime, const struct runtime_image *image, const char *const *references,
		   size_t len, const struct output *output, struct error **err)
{
	const char *id = runtime_image_id(runtime, image);
	cleanup_free char *staging = NULL, *path = NULL;
	bool there = false;
	int r;

	if (!image->digest)
		return error_make(err, ERROR_TOOL, "%s does not have the image %s", runtime->ops->name, id);
	if (layout_staging(runtime->layout, &staging, err) < 0)
		return -1;
	path = path_join(staging, "image.tar");
	r = load(runtime, image, references, len, path, output, err);
	fs_remove_tree(staging, NULL);
	if (r < 0 || runtime->ops->has(runtime, id, &there, err) < 0)
		return -1;
	if (!there)
		return error_make(err, ERROR_TOOL, "%s gave the image another id than %s", runtime->ops->name, id);
	return 0;
}
