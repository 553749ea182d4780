#ifndef ENGINE_OCI_REACH_H
#define ENGINE_OCI_REACH_H

#include <stdbool.h>
#include <stddef.h>

#include "engine/oci/image.h"

struct error;
struct layout;
struct map;

/* Everything an image or index consists of: itself, members, configs and layers, each once, in the order of
 * discovery. */
struct reach {
	struct descriptor *items; /* media_type is owned */
	size_t len, cap;
	struct map *seen;
};

enum reach_mode {
	REACH_VERIFY, /* check the digests of the texts */
	REACH_QUICK   /* do not */
};

/* ERROR_STATE when something is missing from the store or has another size. */
int reach_collect(struct layout *layout, const char *digest, enum reach_mode mode, struct reach *ret, struct error **err);
void reach_free(struct reach *reach); /* what it holds, not the struct */
/* Whether everything that an image's manifest names exists with its size; used by runs with nothing to do. False
 * with *ret_told = false for a manifest of unusual form: then only reach_collect can tell. */
bool reach_image(struct layout *layout, const char *digest, bool *ret_told);

#endif
