#ifndef ENGINE_OCI_BLOB_FILES_H
#define ENGINE_OCI_BLOB_FILES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/digest.h"

struct error;
struct layout;

/* The content of the store's blobs folder, for maintenance. Nobody else may write meanwhile: nothing refers to a
 * blob that has just been added. Errors are ERROR_STATE. */
struct blob_file {
	char *name;                  /* in the folder */
	char digest[DIGEST_LEN + 1]; /* when the name can be a blob's, else "" */
	uint64_t size;               /* bytes */
};

/* Everything in the folder, sorted by name; blob_files_free it. */
int blob_files_list(struct layout *layout, struct blob_file **ret, size_t *ret_len, struct error **err);
void blob_files_free(struct blob_file *files, size_t len); /* NULL-safe */
/* Reads the blob and compares it with its name. */
int blob_files_check(struct layout *layout, const struct blob_file *file, bool *ret_good, struct error **err);
int blob_files_remove(struct layout *layout, const struct blob_file *file, struct error **err);
/* Removes what killed processes left below tmp/ (`dry`: only counts it). Returns the bytes. */
uint64_t blob_files_sweep(struct layout *layout, bool dry);

#endif
