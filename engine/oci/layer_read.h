#ifndef ENGINE_OCI_LAYER_READ_H
#define ENGINE_OCI_LAYER_READ_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "engine/oci/archive.h"

struct descriptor;
struct error;
struct layout;

/* How a layer of this media type is compressed. */
enum packing layer_packing(const char *media_type);

/* A layer of the store that is to be read. */
struct layer_read {
	struct layout *layout;
	const struct descriptor *blob;
	const char *diff_id; /* in the config */
	/* Takes the uncompressed bytes, in order. */
	int (*take)(void *data, const void *bytes, size_t len, struct error **err);
	void (*progress)(void *data, uint64_t read); /* compressed bytes so far. May be NULL */
	bool (*cancelled)(void *data);               /* polled; true ends it with ERROR_CANCELLED. May be NULL */
	void *data;
};
/* ERROR_STATE when it cannot be read, or is not what the config says: then what was taken must not be used. */
int layer_read(const struct layer_read *layer, struct error **err);

#endif
