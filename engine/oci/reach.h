#ifndef ENGINE_OCI_REACH_H
#define ENGINE_OCI_REACH_H

#include <stdbool.h>
#include <stddef.h>

#include "engine/oci/image.h"

struct error;
struct layout;
struct map;

/* Everything an image or an index is made of: itself, members, configs and layers, each once, in the order
 * in which it is met. */
struct reach {
	struct descriptor *items; /* media_type is owned */
	size_t len, cap;
	struct map *seen;
};

enum reach_mode {
	REACH_VERIFY, /* digests of the texts read are checked */
	REACH_QUICK   /* they are not */
};

/* ERROR_STATE when something is not in the store or has another size. */
int reach_collect(struct layout *layout, const char *digest, enum reach_mode mode, struct reach *ret, struct error **err);
void reach_free(struct reach *reach); /* what it holds, not the struct */
/* Whether all that an image's manifest names is there, with the size that it says; on the path of a run with nothing to do.
 * False with *ret_told = false when the manifest is of another form than most: then it takes reach_collect to tell. */
bool reach_image(struct layout *layout, const char *digest, bool *ret_told);

#endif
