#include "config.h"

#include <stdlib.h>

#include "base/copy.h"
#include "base/error.h"
#include "base/fs.h"
#include "base/mem.h"
#include "engine/oci/layout.h"
#include "engine/oci/reach.h"

/* A copy, not a link: who owns the other layout may write to its files. */
static int copy_blob(struct layout *layout, struct layout *from, const char *staging, const struct descriptor *blob,
		     struct error **err)
{
	cleanup_free char *there = layout_blob_path(from, blob->digest), *here = path_join(staging, "blob");

	if (layout_has(layout, blob->digest, blob->size))
		return 0;
	if (copy_file(there, here, err) < 0)
		return -1;
	return layout_adopt(layout, here, blob->digest, blob->size, err);
}

/* What names others comes after them, so that a manifest in the store has all that it names. */
int layout_copy(struct layout *layout, struct layout *from, const char *digest, struct error **err)
{
	cleanup_free char *staging = NULL;
	struct reach reach = { 0 };
	int r = reach_collect(from, digest, REACH_VERIFY, &reach, err);

	if (r == 0)
		r = layout_staging(layout, &staging, err);
	for (size_t i = reach.len; r == 0 && i > 0; i--)
		r = copy_blob(layout, from, staging, &reach.items[i - 1], err);
	if (staging)
		fs_remove_tree(staging, NULL);
	reach_free(&reach);
	return r;
}
