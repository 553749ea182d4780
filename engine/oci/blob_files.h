#ifndef ENGINE_OCI_BLOB_FILES_H
#define ENGINE_OCI_BLOB_FILES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/digest.h"

struct error;
struct layout;

/* What lies in the store's folder of blobs, for those who look after it. Nobody else may write meanwhile: a blob that
 * comes in is not named anywhere yet. Errors are ERROR_STATE. */
struct stock_file {
	char *name;                  /* in the folder */
	char digest[DIGEST_LEN + 1]; /* when it can be a blob, else "" */
	uint64_t size;               /* bytes */
};

/* Everything in the folder, sorted by name; stock_free it. */
int stock_list(struct layout *layout, struct stock_file **ret, size_t *ret_len, struct error **err);
void stock_free(struct stock_file *files, size_t len); /* NULL-safe */
/* Reads the blob and compares it with its name. */
int stock_check(struct layout *layout, const struct stock_file *file, bool *ret_good, struct error **err);
int stock_remove(struct layout *layout, const struct stock_file *file, struct error **err);
/* Removes what killed processes left below tmp/ (`dry`: only counts it). Returns the bytes. */
uint64_t stock_sweep(struct layout *layout, bool dry);

#endif
