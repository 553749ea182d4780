#ifndef ENGINE_OCI_FILES_FOLDER_H
#define ENGINE_OCI_FILES_FOLDER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct error;
struct files_out;

/*
 * Writes the files of images into a folder, beside what is there already: files of the same names are replaced, each at once. Nothing is
 * written outside the folder: links in it, old or new, are not followed. The files belong to whoever runs this. Devices and FIFOs are
 * an error.
 */
struct files_folder;

/* `to` and `below` are made when they are missing. `below`: the folder in `to` for this image's files, one name; absolute links get it in
 * front, as with BuildKit; or "". `maker`: who writes, one at a time: what it left when it was killed is removed. `epoch`: the time of all
 * files, or negative: their own. */
int files_folder_new(const char *to, const char *below, const char *maker, int64_t epoch, struct files_folder **ret,
		     struct error **err);
void files_folder_free(struct files_folder *folder); /* NULL-safe */
/* For image_files_write; borrowed. */
const struct files_out *files_folder_out(struct files_folder *folder);
/* What was written that is no folder: absolute paths. Borrowed. */
const char *const *files_folder_written(const struct files_folder *folder, size_t *ret_len);
/* What was not there before: the topmost new folders, and new files elsewhere. Absolute paths. Borrowed. */
const char *const *files_folder_created(const struct files_folder *folder, size_t *ret_len);

void files_folder_cleanup(struct files_folder **folder);
#define cleanup_files_folder __attribute__((cleanup(files_folder_cleanup)))

#endif
