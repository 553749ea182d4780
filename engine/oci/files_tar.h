#ifndef ENGINE_OCI_FILES_TAR_H
#define ENGINE_OCI_FILES_TAR_H

#include <stdint.h>

struct error;
struct files_out;

/* Writes the files of images into a tar, with their owners and attributes. The tar is there at the end, at once and durably; what was at its
 * path is replaced then. */
struct files_tar;

/* `maker` and `epoch` as for files_folder_new. */
int files_tar_new(const char *path, const char *maker, int64_t epoch, struct files_tar **ret, struct error **err);
void files_tar_free(struct files_tar *tar); /* NULL-safe; without files_tar_end nothing is left */
/* For image_files_write, below the folder `prefix` of the tar ("": at its root; else one name, which absolute links get in front, as with
 * BuildKit). Borrowed until the next call. */
const struct files_out *files_tar_out(struct files_tar *tar, const char *prefix);
int files_tar_end(struct files_tar *tar, struct error **err);

void files_tar_cleanup(struct files_tar **tar);
#define cleanup_files_tar __attribute__((cleanup(files_tar_cleanup)))

#endif
