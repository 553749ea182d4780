#include "config.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/bug.h"
#include "base/error.h"
#include "base/fs.h"
#include "base/mem.h"
#include "base/thread.h"
#include "engine/oci/layout.h"
#include "engine/runtime/runtime_ops.h"

const char *runtime_image_id(const struct runtime *runtime, const struct runtime_image *image)
{
	return runtime->manifests && image->digest ? image->digest : image->identity;
}

int runtime_load_command(struct runtime *runtime, const char *tar, const struct output *output, struct error **err)
{
	cleanup_free char *input = mem_printf("--input=%s", tar);
	const char *const args[] = { "load", "--quiet", input, NULL };

	return runtime_command(runtime, args, output, false, NULL, err);
}

/*
 * As a tar, although podman could read the folder: podman would name the image after the folder's path, and refuses
 * paths that are not valid names; and a daemon, or podman on another machine, does not see our files.
 */
static int import_tar(struct runtime *runtime, const struct runtime_image *image, const char *const *references,
		      size_t len, const struct output *output, struct error **err)
{
	enum layout_tar what = runtime->ops->docker_form ? LAYOUT_TAR_DOCKER : LAYOUT_TAR_WHOLE;
	cleanup_free char *staging = NULL, *path = NULL;
	int r;

	if (layout_staging(runtime->layout, &staging, err) < 0)
		return -1;
	path = path_join(staging, "image.tar");
	r = layout_export_tar(runtime->layout, image->digest, references, len, what, path, err);
	if (r == 0)
		r = runtime->ops->take(runtime, path, output, err);
	fs_remove_tree(staging, NULL);
	return r;
}

static int check_imported(struct runtime *runtime, const struct runtime_image *image, struct error **err)
{
	const char *id = runtime_image_id(runtime, image);
	bool there = false;

	if (runtime->ops->has(runtime, id, &there, err) < 0)
		return -1;
	if (!there)
		return error_make(err, ERROR_TOOL, "%s loaded the image under another id than %s", runtime->name, id);
	return 0;
}

/* First without the layers if the engine built them: it is asked afterwards whether it has them, and may have thrown them away. */
int runtime_import(struct runtime *runtime, const struct runtime_image *image, const char *const *references,
		   size_t len, const struct output *output, struct error **err)
{
	const struct layout_bare bare = { image->digest, references, len };
	struct error *error = NULL;

	if (!image->digest)
		return error_make(err, ERROR_TOOL, "%s does not have the image %s", runtime->name,
				  runtime_image_id(runtime, image));
	if (image->built_there && runtime->proves) {
		if (runtime_import_bare(runtime, &bare, &error) == 0 && check_imported(runtime, image, &error) == 0)
			return 0;
		if (error->cls != ERROR_TOOL)
			return error_move(err, &error);
		error_free(error);
	}
	if (import_tar(runtime, image, references, len, output, err) < 0)
		return -1;
	return check_imported(runtime, image, err);
}

/* Call it with the lock held. */
static struct guest **find_guest(struct runtime *runtime, const char *id)
{
	struct guest **at = &runtime->guests;

	while (*at && strcmp((*at)->id, id) != 0)
		at = &(*at)->next;
	return at;
}

/* Adds a user to a guest; false when there is no such guest. */
static bool use_guest(struct runtime *runtime, const char *id)
{
	struct guest *guest;

	pthread_mutex_lock(&runtime->lock);
	guest = *find_guest(runtime, id);
	if (guest)
		guest->users++;
	pthread_mutex_unlock(&runtime->lock);
	return guest != NULL;
}

static void add_guest(struct runtime *runtime, const char *id)
{
	struct guest *guest = mem_alloc(sizeof(*guest));

	guest->id = mem_strdup(id);
	guest->users = 1;
	pthread_mutex_lock(&runtime->lock);
	guest->next = runtime->guests;
	runtime->guests = guest;
	pthread_mutex_unlock(&runtime->lock);
}

/* True when that was the last user: the image is no longer a guest. */
static bool leave_guest(struct runtime *runtime, const char *id)
{
	struct guest **at, *guest;

	pthread_mutex_lock(&runtime->lock);
	at = find_guest(runtime, id);
	guest = *at;
	bug_if(guest && guest->users == 0, "an unused image is still borrowed: %s", id);
	if (guest && --guest->users > 0)
		guest = NULL;
	if (guest)
		*at = guest->next;
	pthread_mutex_unlock(&runtime->lock);
	if (!guest)
		return false;
	free(guest->id);
	free(guest);
	return true;
}

static int acquire(struct runtime *runtime, const struct runtime_image *image, const char *id,
		   const struct output *output, struct error **err)
{
	bool there = false;

	if (use_guest(runtime, id))
		return 0;
	if (runtime->ops->has(runtime, id, &there, err) < 0)
		return -1;
	if (there)
		return 0;
	if (runtime_import(runtime, image, NULL, 0, output, err) < 0)
		return -1;
	add_guest(runtime, id);
	return 0;
}

int runtime_image_acquire(struct runtime *runtime, const struct runtime_image *image, const struct output *output,
			  struct error **err)
{
	const char *id = runtime_image_id(runtime, image);
	int r;

	keylock_take(runtime->images, id);
	r = acquire(runtime, image, id, output, err);
	keylock_give(runtime->images, id);
	return r;
}

void runtime_image_release(struct runtime *runtime, const struct runtime_image *image)
{
	const char *id = runtime_image_id(runtime, image);

	keylock_take(runtime->images, id);
	if (leave_guest(runtime, id))
		runtime->containers->forget(runtime, id);
	keylock_give(runtime->images, id);
}
