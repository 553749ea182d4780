#ifndef ENGINE_OCI_STORAGE_INDEX_H
#define ENGINE_OCI_STORAGE_INDEX_H

#include <stdbool.h>
#include <stddef.h>

struct error;
struct scan_text;

/* The index of containers-storage, images.json: an array of objects, of which only `id`, `names` and
 * `big-data-names` matter here. Every run with nothing to do reads it, and most of it is history, so it is scanned
 * instead of parsed into a tree. */

struct storage_image {
	const char *id;
	size_t id_len;
	const struct scan_text *names;
	size_t names_len;
	bool whole; /* its manifest and config exist: the record is written before them */
};

typedef void storage_image_found(void *data, const struct storage_image *image);

/* Calls `found` for every image, in order; its arguments are valid until it returns. Text of another form is
 * ERROR_STATE with `name`. */
int storage_index_read(const char *text, size_t len, const char *name, storage_image_found *found, void *data,
		       struct error **err);

#endif
