#ifndef ENGINE_OCI_STORAGE_INDEX_H
#define ENGINE_OCI_STORAGE_INDEX_H

#include <stdbool.h>
#include <stddef.h>

struct error;
struct scan_text;

/* The index of containers-storage, images.json: an array of objects, of which `id`, `names` and
 * `big-data-names` are of interest. It is read by every run with nothing to do, and most of it is history: so it is scanned, not parsed into a tree. */

struct storage_image {
	const char *id;
	size_t id_len;
	const struct scan_text *names;
	size_t names_len;
	bool whole; /* its manifest and its config are written: the record is there before them */
};

typedef void storage_image_found(void *data, const struct storage_image *image);

/* Calls `found` for every image, in order; what it is given lives until it returns. ERROR_STATE with `name` for a text
 * that is not of this form. */
int storage_index_read(const char *text, size_t len, const char *name, storage_image_found *found, void *data,
		       struct error **err);

#endif
