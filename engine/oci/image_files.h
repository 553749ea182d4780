#ifndef ENGINE_OCI_IMAGE_FILES_H
#define ENGINE_OCI_IMAGE_FILES_H

#include <stdbool.h>
#include <stddef.h>

#include "engine/oci/rafs.h"

struct error;
struct layout;

/*
 * The files of an image of the store: its layers merged, as a container of it sees them (OCI image-spec, layer.md). Whatever the layers
 * say, every path is below the root, and none leads through a link: paths are worked out without a disk.
 */

/* Where they go. Paths are relative to the root ("" for the root itself), and live as long as the call of image_files_write. */
struct files_out {
	/* Before everything in the folder. */
	int (*folder)(void *data, const char *path, const struct rafs_inode *inode, struct error **err);
	/* A regular file begins; its content follows in pieces, if it has any, and its end. */
	int (*file)(void *data, const char *path, const struct rafs_inode *inode, struct error **err);
	int (*content)(void *data, const char *bytes, size_t len, struct error **err);
	int (*file_end)(void *data, const char *path, const struct rafs_inode *inode, struct error **err);
	/* A symbolic link, device or FIFO. */
	int (*other)(void *data, const char *path, const struct rafs_inode *inode, struct error **err);
	/* Another name of the file at `first`. */
	int (*again)(void *data, const char *path, const char *first, struct error **err);
	/* After everything in the folder. */
	int (*folder_end)(void *data, const char *path, const struct rafs_inode *inode, struct error **err);
	void *data;
};

struct image_files {
	struct layout *layout;
	const char *digest;            /* of the manifest */
	bool (*cancelled)(void *data); /* polled; true ends it with ERROR_CANCELLED. May be NULL */
	void *data;
};

/* The name of a file that `maker` has not finished: the same each time. malloc'd. */
char *files_temporary(const char *maker);
/* ERROR_STATE for layers that are damaged or hold what no image may. */
int image_files_write(const struct image_files *files, const struct files_out *out, struct error **err);

#endif
