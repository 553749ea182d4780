#include "config.h"

#include <stdlib.h>

#include "base/error.h"
#include "base/fs.h"
#include "base/mem.h"
#include "engine/oci/layout.h"
#include "engine/runtime/runtime_ops.h"

/*
 * Images that docker built need only their manifests and configs. Each load costs docker 40 ms or more, whatever is in it, most of them
 * waiting for its own collection of garbage, and loads side by side wait for each other. So one task at a time loads, and it loads
 * whatever has come to wait.
 */

struct bare_request {
	struct bare_request *next;
	const struct layout_bare *image;
	bool done;
	int result;
	struct error *error;
};

static int load_bare(struct runtime *runtime, const struct layout_bare *images, size_t len, struct error **err)
{
	cleanup_free char *staging = NULL, *path = NULL;
	int r;

	if (layout_staging(runtime->layout, &staging, err) < 0)
		return -1;
	path = path_join(staging, "images.tar");
	r = layout_export_bare(runtime->layout, images, len, path, err);
	if (r == 0)
		r = runtime->ops->take(runtime, path, NULL, err);
	fs_remove_tree(staging, NULL);
	return r;
}

/* Together; if that cannot be, each for itself, so that one does not fail for another's sake. */
static void load_requests(struct runtime *runtime, struct bare_request *first)
{
	cleanup_free struct layout_bare *images = NULL;
	size_t len = 0, cap = 0;

	for (struct bare_request *request = first; request; request = request->next) {
		mem_reserve(&images, &cap, len + 1, sizeof(*images));
		images[len++] = *request->image;
	}
	if (len > 1 && load_bare(runtime, images, len, NULL) == 0)
		return;
	for (struct bare_request *request = first; request; request = request->next)
		request->result = load_bare(runtime, request->image, 1, &request->error);
}

int runtime_import_bare(struct runtime *runtime, const struct layout_bare *image, struct error **err)
{
	struct bare_request mine = { .image = image }, *batch, *next;

	pthread_mutex_lock(&runtime->lock);
	mine.next = runtime->bare;
	runtime->bare = &mine;
	while (!mine.done && runtime->importing)
		pthread_cond_wait(&runtime->imported, &runtime->lock);
	if (!mine.done) {
		batch = runtime->bare;
		runtime->bare = NULL;
		runtime->importing = true;
		pthread_mutex_unlock(&runtime->lock);
		load_requests(runtime, batch);
		pthread_mutex_lock(&runtime->lock);
		for (; batch; batch = next) {
			next = batch->next;
			batch->done = true;
		}
		runtime->importing = false;
		pthread_cond_broadcast(&runtime->imported);
	}
	pthread_mutex_unlock(&runtime->lock);
	return mine.result == 0 ? 0 : error_move(err, &mine.error);
}
